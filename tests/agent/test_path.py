"""From a kick to a result: what an agent does when nothing goes wrong, or hardly anything."""

from __future__ import annotations

import os
import stat
import threading

import pytest

from cloudhand.wire import agent as wire
from tests.agent.conftest import Machine, task, wait_until
from tests.agent.gateway import INSTANCE_ID, FakeGateway


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
    assert gateway.fetches[0] == wire.Fetch("startup", cold_start=True)
    machine.stop()
    machine.start()
    assert gateway.beats[-1].cold_start is False
    assert gateway.fetches[0] == wire.Fetch("startup", cold_start=False)
    assert gateway.refused == []


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


@pytest.mark.parametrize(
    "words",
    [[], ["fly"], ["run", "--fast"], ["register"], ["run", "--state"], ["run", "now"]],
)
def test_mistakes_on_the_command_line(machine: Machine, words: list[str]) -> None:
    done = machine.agent(*words)
    assert done.returncode == 2
    assert "usage:" in done.stderr
    assert "Traceback" not in done.stderr


def test_server_that_comes_later(machine: Machine, gateway: FakeGateway) -> None:
    machine.register()
    port = gateway.port
    gateway.__exit__()
    machine.start_only()
    wait_until(lambda: "cannot reach" in machine.log)
    with FakeGateway(port) as later:
        later.run(task("t-1", "echo here"))
        assert later.end_of("t-1").exit_code == 0
        machine.stop()
    gateway._server = type(gateway._server)(("127.0.0.1", 0), gateway)
    gateway._thread = threading.Thread(target=gateway._server.serve_forever, args=(0.01,))
    gateway._thread.start()
