"""The end of a tree of processes, in whatever order its signals arrive."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

from cloudhand.agent import machine, process
from tests.agent.conftest import wait_until


class _ChildrenFirst(set[int]):
    """An order that a set may have, on a machine that does something else after the first."""

    def __iter__(self) -> Iterator[int]:
        for pid in sorted(super().__iter__(), reverse=True):
            yield pid
            wait_until(lambda pid=pid: not machine.start_time(pid))  # type: ignore[misc]


def test_a_script_does_not_go_on_to_its_next_line_when_it_is_ended(tmp_path: Path) -> None:
    """Its shell must not see the end of what it waits for before its own."""
    script = f"sleep 30; echo went on > {tmp_path}/next"
    with subprocess.Popen(["/bin/sh", "-c", script]) as shell:

        def found() -> set[int]:
            below = process.descendants(shell.pid)
            return _ChildrenFirst(below | {shell.pid} if shell.poll() is None else below)

        wait_until(lambda: process.descendants(shell.pid))
        process.ask_to_end(found)
        wait_until(lambda: not found())
    assert not (tmp_path / "next").exists()
