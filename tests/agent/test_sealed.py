"""A script with secrets in it runs like any other, and is on no disk and in no process list."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cloudhand.wire import agent as wire
from tests.agent.conftest import Machine, task, wait_until
from tests.agent.gateway import FakeGateway

CANARY = "canary-c81e72"


def traces(machine: Machine) -> list[str]:
    """Where the secret can be read: files of the agent, and what is shown of its processes."""
    found = [
        str(path)
        for path in machine.root.rglob("*")
        if path.is_file() and not path.is_symlink() and CANARY.encode() in path.read_bytes()
    ]
    for pid in machine.processes():
        for name in ("cmdline", "environ"):
            shown = Path(f"/proc/{pid}/{name}")
            if shown.exists() and CANARY.encode() in shown.read_bytes():
                found.append(str(shown))
    return found


@pytest.mark.parametrize(
    ("script", "launcher", "user"),
    [
        ("word={word}; {wait}; echo ${{#word}}", "", ""),
        ("#!/bin/sh\nword={word}; {wait}; echo ${{#word}}", "", ""),
        ("#!/usr/bin/env bash\nword={word}; {wait}; echo ${{#word}}", "", ""),
        ("word={word}; {wait}; echo ${{#word}}", "bash -u", ""),
        (
            "import os; word = '{word}'; os.system('{wait}'); print(len(word))",
            'python3 {{ACS::ScriptFileName|Ext(".py")}}',
            "",
        ),
        pytest.param(
            "word={word}; {wait}; echo ${{#word}}",
            "",
            "nobody",
            marks=pytest.mark.skipif(
                os.geteuid() != 0, reason="only root runs scripts as somebody else"
            ),
        ),
    ],
)
def test_a_sealed_script_leaves_no_trace(
    machine: Machine, gateway: FakeGateway, script: str, launcher: str, user: str
) -> None:
    machine.start()
    gate = machine.root / "gate"
    os.mkfifo(gate)
    gate.chmod(0o666)
    machine.root.chmod(0o711)
    wait = f"echo waiting; read x < {gate}"
    content = script.format(word=CANARY, wait=wait)
    gateway.run(
        task("t-1", content, sealed=True, launcher=launcher, username=user, working_directory="/")
    )
    gateway.wait(lambda: gateway.output_of("t-1") == b"waiting\n")
    assert traces(machine) == []
    gate.write_text("on\n")
    end = gateway.end_of("t-1")
    assert (end.kind, end.exit_code) == (wire.FINISH, 0)
    assert gateway.output_of("t-1") == f"waiting\n{len(CANARY)}\n".encode()
    wait_until(lambda: not list((machine.state / "tasks").iterdir()))
    assert traces(machine) == []


def test_a_script_after_a_sealed_one_is_its_own(machine: Machine, gateway: FakeGateway) -> None:
    """They share a holder."""
    machine.start()
    gateway.run(task("t-1", f"echo {CANARY}", sealed=True))
    gateway.end_of("t-1")
    gateway.run(task("t-2", "echo plain; ls -l /proc/self/fd"))
    gateway.end_of("t-2")
    said = gateway.output_of("t-2").decode()
    assert said.startswith("plain\n")
    assert "memfd" not in said
