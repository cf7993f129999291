"""A machine that has joined before joins again: as who it was, or as another."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator

import pytest

from cloudhand.wire import agent as wire
from tests.agent.conftest import Machine, task, wait_until
from tests.agent.gateway import INSTANCE_ID, FakeGateway

pytestmark = pytest.mark.drawn

_ANOTHER = "i-0another"
_PASTE = "paste the line that `cloudhand invite` prints"


@pytest.fixture
def elsewhere() -> Iterator[FakeGateway]:
    """Another control plane."""
    with FakeGateway() as one:
        one.instance_id, one.key = _ANOTHER, b"e" * 32
        yield one


def join(machine: Machine, gateway: FakeGateway, *words: str) -> subprocess.CompletedProcess[str]:
    """As the line does that is pasted."""
    server = f"--server={gateway.url}"
    code = ("--activation-id=id", "--activation-code=code")
    return machine.agent("register", server, *code, f"--state={machine.state}", *words)


def identity(machine: Machine) -> dict[str, str]:
    found: dict[str, str] = json.loads((machine.state / "identity.json").read_text())
    return found


def told(machine: Machine, command: str) -> str:
    done = machine.agent(command, f"--state={machine.state}")
    assert done.returncode == 1, done
    return done.stdout + done.stderr


def untold(machine: Machine, gateway: FakeGateway) -> None:
    """Leave a result that was not told, and a script that still runs."""
    machine.start()
    gateway.acknowledge = lambda report: 503 if report.kind != wire.RUNNING else wire.Ack()
    gateway.run(task("t-ended", "echo told to one; exit 194"))
    gateway.end_of("t-ended")
    script = f"echo on; while ! [ -e {machine.root}/go ]; do sleep 0.05; done; true"
    gateway.run(task("t-runs", script))
    gateway.wait(lambda: gateway.output_of("t-runs") == b"on\n")
    machine.kill()
    gateway.open.clear()
    gateway.reports.clear()
    gateway.acknowledge = lambda report: wire.Ack()


def test_who_is_known_stays_who_it_is(machine: Machine, gateway: FakeGateway) -> None:
    machine.register()
    before = identity(machine)
    done = join(machine, gateway, "--if-needed", "--name=another")
    assert (done.returncode, done.stdout) == (0, f"joined already as {INSTANCE_ID}\n"), done.stderr
    assert done.stderr == "it has joined already; its name and tags stay\n"
    assert (identity(machine), len(gateway.registrations)) == (before, 1)


def test_who_is_known_keeps_another_way_to_its_control_plane(
    machine: Machine, gateway: FakeGateway
) -> None:
    machine.register()
    before = identity(machine)
    with FakeGateway() as address:  # the same control plane, by another address
        done = join(machine, address, "--if-needed")
    assert (done.returncode, len(address.registrations)) == (0, 0), done.stderr
    assert identity(machine) == {**before, "server": address.url}


@pytest.mark.parametrize("lost", ["unreadable", "none"])
def test_who_has_lost_its_identity_joins_as_another(
    machine: Machine, gateway: FakeGateway, lost: str
) -> None:
    machine.register()
    path = machine.state / "identity.json"
    path.unlink() if lost == "none" else path.write_text("{")
    assert _PASTE in told(machine, "status") and _PASTE in told(machine, "doctor")
    way = machine.agent("doctor", f"--server={gateway.url}", f"--state={machine.state}")
    assert way.returncode == 0, way

    gateway.instance_id = _ANOTHER
    done = join(machine, gateway, "--if-needed")
    assert (done.returncode, done.stdout) == (0, f"registered as {_ANOTHER}\n"), done.stderr


def test_who_is_not_known_joins_as_another(machine: Machine, gateway: FakeGateway) -> None:
    """Nothing of what it did as the one before is told, or done."""
    untold(machine, gateway)
    gateway.instance_id = _ANOTHER
    assert _PASTE in told(machine, "status") and _PASTE in told(machine, "doctor")
    done = join(machine, gateway, "--if-needed")
    assert (done.returncode, done.stdout) == (0, f"registered as {_ANOTHER}\n"), done.stderr
    machine.start()
    assert gateway.inventories[-1] == wire.Inventory("boot-1", (), ())
    gateway.run(task("t-new", "echo new"))
    gateway.end_of("t-new")
    assert {report.task_id for report in gateway.reports} == {"t-new"}
    assert machine.power_orders == []
    wait_until(lambda: os.listdir(machine.state / "tasks") == ["t-runs"])

    # Its script goes on, and what it has left is cleared away at a later start.
    (machine.root / "go").touch()
    wait_until((machine.state / "tasks" / "t-runs" / "end").exists)
    assert machine.stop() == 0
    machine.start()
    assert list((machine.state / "tasks").iterdir()) == []
    assert list(machine.state.glob("left.*")) == []
    assert {report.task_id for report in gateway.reports} == {"t-new"}


def test_who_has_not_the_key_is_somebody_else(machine: Machine, gateway: FakeGateway) -> None:
    machine.register()
    gateway.key = b"n" * 32
    for command in ("status", "doctor"):
        assert f"knows {INSTANCE_ID} by another key" in told(machine, command)
    assert join(machine, gateway, "--if-needed").stdout.startswith("registered as ")


def test_who_keeps_its_id_tells_what_was_not_told(machine: Machine, gateway: FakeGateway) -> None:
    untold(machine, gateway)
    gateway.key = b"n" * 32
    assert join(machine, gateway, "--force-reuse").returncode == 0
    (machine.root / "go").touch()
    machine.start()
    assert gateway.end_of("t-ended").exit_code == 194
    assert gateway.end_of("t-runs").exit_code == 0
    assert machine.power_orders == ["-r now"]


def test_records_of_an_agent_that_noted_no_owner(machine: Machine, gateway: FakeGateway) -> None:
    """They are of who the machine was before it joined as another."""
    untold(machine, gateway)
    (machine.state / "owner").unlink()
    gateway.instance_id = _ANOTHER
    assert join(machine, gateway, "--if-needed").returncode == 0
    machine.start()
    (machine.root / "go").touch()
    assert gateway.inventories[-1] == wire.Inventory("boot-1", (), ())


def test_an_agent_that_noted_no_owner_is_followed(machine: Machine, gateway: FakeGateway) -> None:
    untold(machine, gateway)
    (machine.root / "go").touch()
    (machine.state / "owner").unlink()
    machine.start()
    assert gateway.end_of("t-runs").exit_code == 0
    assert json.loads((machine.state / "owner").read_text())["instance_id"] == INSTANCE_ID


def test_a_copy_joins_as_another(machine: Machine, gateway: FakeGateway) -> None:
    machine.start()
    assert machine.stop() == 0
    owner = machine.state / "owner"
    owner.write_text(owner.read_text().replace('"machine_id": "', '"machine_id": "not-'))
    for command in ("status", "doctor", "deregister"):
        assert "if it is a copy, paste the line that " in told(machine, command)

    machine.start()  # which machine ids alone do not prove
    assert "if it is a copy" in machine.log
    gateway.instance_id = _ANOTHER
    done = join(machine, gateway, "--if-needed")
    assert (done.returncode, done.stdout) == (0, f"registered as {_ANOTHER}\n")
    assert f"{INSTANCE_ID} is the machine that this one was copied from" in done.stderr
    machine.stop()
    machine.start()
    done = machine.agent("doctor", f"--state={machine.state}")
    assert (done.returncode, f"{_ANOTHER} is online" in done.stdout) == (0, True)


def test_of_two_that_look_the_same_somebody_says_which(
    machine: Machine, gateway: FakeGateway
) -> None:
    machine.register()
    gateway.cloned = True
    assert "two machines speak as" in told(machine, "status")
    assert "two machines speak as" in told(machine, "doctor")
    refused = join(machine, gateway, "--if-needed")
    assert (refused.returncode, "--new`, or register --force" in refused.stderr) == (1, True)
    gateway.instance_id = _ANOTHER
    assert join(machine, gateway, "--force").stdout == f"registered as {_ANOTHER}\n"


def test_who_is_another_control_planes_is_left_to_it(
    machine: Machine, gateway: FakeGateway, elsewhere: FakeGateway
) -> None:
    machine.register()
    refused = join(machine, elsewhere, "--if-needed")
    assert f"it is {INSTANCE_ID} of {gateway.url}" in refused.stderr
    gateway.down()
    silent = join(machine, elsewhere, "--if-needed")
    assert "which cannot be asked" in silent.stderr
    gateway.up()
    assert (refused.returncode, silent.returncode, elsewhere.registrations) == (1, 1, [])

    gateway.known = False
    done = join(machine, elsewhere, "--if-needed")
    assert (done.returncode, done.stdout) == (0, f"registered as {_ANOTHER}\n"), done.stderr


def test_who_is_to_leave_another_control_plane_does(
    machine: Machine, gateway: FakeGateway, elsewhere: FakeGateway
) -> None:
    machine.register()
    assert join(machine, elsewhere, "--force").returncode == 0
    assert identity(machine)["server"] == elsewhere.url
