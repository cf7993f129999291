"""From a kick to a result: what an agent does when nothing goes wrong, or hardly anything."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest

from cloudhand.agent.machine import time_zone
from cloudhand.wire import agent as wire
from tests.agent.conftest import Machine, task, wait_until
from tests.agent.gateway import INSTANCE_ID, FakeGateway

pytestmark = pytest.mark.drawn


def test_a_command_runs_and_its_result_is_reported(machine: Machine, gateway: FakeGateway) -> None:
    machine.start()
    gateway.run(task("t-1", "echo helloworld; echo worse >&2; exit 3"))
    end = gateway.end_of("t-1")
    assert (end.kind, end.exit_code, end.dropped, end.power) == (wire.FINISH, 3, 0, "")
    assert gateway.output_of("t-1") == b"helloworld\nworse\n"
    assert 0 < end.start <= end.end
    assert stat.S_IMODE((machine.state / "identity.json").stat().st_mode) == 0o600
    wait_until(lambda: not list((machine.state / "tasks").iterdir()))
    assert machine.stop() == 0
    assert machine.processes() == []


def test_start_says_what_the_protocol_wants(machine: Machine, gateway: FakeGateway) -> None:
    machine.start()
    beat = gateway.beats[0]
    assert (beat.index, beat.seq_no, beat.cold_start) == (0, 0, True)
    assert beat.uptime > 0 and beat.pid == machine.process.pid  # type: ignore[union-attr]
    assert gateway.boot_ids == {"boot-1"}
    assert gateway.inventories == [wire.Inventory("boot-1", (), ())]
    assert gateway.fetches[0] == wire.Fetch("startup", cold_start=True, time_zone=time_zone())
    machine.stop()
    machine.start()
    assert gateway.beats[-1].cold_start is False
    assert gateway.fetches[0] == wire.Fetch("startup", cold_start=False, time_zone=time_zone())
    assert gateway.refused == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs scripts as somebody else")
@pytest.mark.parametrize("first", ["", "#!/bin/sh\n", "#!/usr/bin/env sh\n"])
def test_a_script_of_another_user_below_a_closed_directory(
    machine: Machine, gateway: FakeGateway, first: str
) -> None:
    machine.root.chmod(0o700)
    machine.start()
    script = f"{first}id -un; ls {machine.state}"
    gateway.run(task("t-1", script, username="nobody", working_directory="/"))
    end = gateway.end_of("t-1")
    said = gateway.output_of("t-1")
    assert said.startswith(b"nobody\n"), (end, said)
    assert b"ermission denied" in said


def test_register_once(machine: Machine, gateway: FakeGateway) -> None:
    words = ["register", "--server", gateway.url, "--activation-id", "id", "--state"]
    words += [str(machine.state), "--tag", "a=b", "--tag", "c=d", "--name", "n"]
    refused = machine.agent(*words, "--activation-code", "wrong")
    assert refused.returncode == 1
    assert "no such activation" in refused.stderr
    done = machine.agent(*words, "--activation-code", "code")
    assert INSTANCE_ID in done.stdout
    assert gateway.registrations[-1].tags == (("a", "b"), ("c", "d"))
    assert gateway.registrations[-1].instance_name == "n"
    again = machine.agent(*words, "--activation-code", "code")
    assert (again.returncode, len(gateway.registrations)) == (1, 2)
    assert INSTANCE_ID in again.stderr
    assert machine.agent(*words, "--activation-code", "code", "--force").returncode == 0
    assert machine.agent("deregister", f"--state={machine.state}").returncode == 0
    assert machine.agent("run", f"--state={machine.state}").returncode == 1


def test_server_that_comes_later(machine: Machine, gateway: FakeGateway) -> None:
    machine.register()
    gateway.down()
    machine.start_only()
    wait_until(lambda: "cannot reach" in machine.log)
    gateway.up()
    gateway.run(task("t-1", "echo here"))
    assert gateway.end_of("t-1").exit_code == 0


def test_no_gateway_is_left_for_a_while(machine: Machine, gateway: FakeGateway) -> None:
    machine.start()
    gateway.run(
        task(
            "t-1",
            "echo before; while ! test -e go; do :; done; echo after",
            working_directory=str(machine.root),
        )
    )
    gateway.wait(lambda: gateway.output_of("t-1") == b"before\n")
    gateway.down()
    (machine.root / "go").touch()
    wait_until(lambda: "not reported yet" in machine.log)
    gateway.up()
    gateway.end_of("t-1")
    assert gateway.output_of("t-1") == b"before\nafter\n"


def test_first_output_comes_soon_and_the_rest_as_it_appears(
    machine: Machine, gateway: FakeGateway
) -> None:
    machine.start()
    script = "read x < one; echo first; read x < two; echo second"
    for name in ("one", "two"):
        os.mkfifo(machine.root / name)
    gateway.run(task("t-1", script, working_directory=str(machine.root)))
    gateway.wait(lambda: any(r.kind == wire.RUNNING and r.output == b"" for r in gateway.reports))
    (machine.root / "one").write_text("x\n")
    gateway.wait(lambda: gateway.output_of("t-1") == b"first\n", at_most=1.5)
    (machine.root / "two").write_text("x\n")
    gateway.end_of("t-1")
    assert gateway.output_of("t-1") == b"first\nsecond\n"


def test_dry_run_checks_and_runs_nothing(machine: Machine, gateway: FakeGateway) -> None:
    machine.start()
    gateway.testing = [
        task("t-1", f"touch {machine.root}/ran"),
        task("t-2", "true", type="RunBatScript"),
    ]
    gateway.kick("kick_vm task run t-1")
    assert gateway.end_of("t-1").kind == wire.VERIFIED
    refused = gateway.end_of("t-2")
    assert (refused.kind, refused.param) == (wire.INVALID, "TypeInvalid")
    assert not (machine.root / "ran").exists()


def test_clock_that_is_an_hour_off(machine: Machine, gateway: FakeGateway) -> None:
    gateway.clock_skew = 3600.0
    machine.start()
    gateway.run(task("t-1", "true"))
    assert gateway.end_of("t-1").kind == wire.FINISH
    assert gateway.refused[:1] == ["timestamp"]
    assert set(gateway.refused) == {"timestamp"}


def test_answers_in_chunks(machine: Machine, gateway: FakeGateway) -> None:
    gateway.chunked = True
    machine.start()
    gateway.run(task("t-1", "echo x"))
    assert gateway.end_of("t-1").output == b"x\n"


def test_more_tasks_than_run_at_once(machine: Machine, gateway: FakeGateway) -> None:
    machine.start()
    script = "echo $CLOUDHAND_TASK_ID >> begun; read x < gate"
    os.mkfifo(machine.root / "gate")
    for number in range(14):
        gateway.run(task(f"t-{number}", script, working_directory=str(machine.root)))
    begun = machine.root / "begun"
    wait_until(lambda: begun.exists() and len(begun.read_text().split()) == 10)
    gateway.stop("t-13")  # it still waits, so nothing need end for it
    assert gateway.end_of("t-13").start == 0
    with (machine.root / "gate").open("w") as gate:
        for number in range(13):
            gate.write("x\n")
            gate.flush()
            gateway.wait(lambda n=number: len(_ended(gateway)) >= n + 1)  # type: ignore[misc]
    assert sorted(begun.read_text().split()) == sorted(f"t-{n}" for n in range(13))


def test_agent_of_the_oldest_python(machine: Machine, gateway: FakeGateway) -> None:
    machine.python = _oldest_python()
    machine.start()
    gateway.run(task("t-1", "echo old"))
    assert gateway.end_of("t-1").output == b"old\n"
    assert machine.stop() == 0
    assert "Traceback" not in machine.log


def _ended(gateway: FakeGateway) -> list[wire.Report]:
    return [report for report in gateway.reports if report.kind == wire.FINISH]


def _oldest_python() -> str:
    found = (
        sorted(Path("/root/.pyenv/versions").glob("3.9.*/bin/python3.9"))
        if os.getuid() == 0
        else []
    )
    path = str(found[0]) if found else shutil.which("python3.9")
    if path is None:
        pytest.skip("no Python 3.9 here to run the agent with")
    return path


@pytest.mark.parametrize(
    ("script", "output"),
    [
        ("echo $0", b"script\n"),
        ("#!/bin/cat\nas it is\n", b"#!/bin/cat\nas it is\n"),
        ("#!/bin/sh\necho $0", b"script\n"),
    ],
)
def test_the_first_line_names_the_interpreter(
    machine: Machine, gateway: FakeGateway, script: str, output: bytes
) -> None:
    machine.start()
    gateway.run(task("t-1", script))
    assert gateway.end_of("t-1").exit_code == 0
    assert gateway.output_of("t-1").endswith(output)


def test_an_agent_that_is_idle_again_keeps_no_thread(
    machine: Machine, gateway: FakeGateway
) -> None:
    machine.start()
    before = machine.threads
    for number in range(3):
        gateway.run(task(f"t-{number}", "sleep 0.2"))
    for number in range(3):
        assert gateway.end_of(f"t-{number}").exit_code == 0
    assert machine.threads > before
    wait_until(lambda: machine.threads == before)
