"""Files that an agent is sent are written once, and told, whatever dies and wherever."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cloudhand.wire import agent as wire
from tests.agent.conftest import Machine, task, wait_until
from tests.agent.gateway import FakeGateway

# In the order in which one file passes them.
POINTS = (
    "agent.file-written",
    "agent.file-placing",
    "agent.file-placed",
    "agent.spool",
    "agent.report",
    "agent.ack",
)


def file(machine: Machine, task_id: str = "f-1", **changes: object) -> wire.FileTask:
    values: dict[str, object] = {
        "task_id": task_id,
        "name": "config",
        "directory": str(machine.root / "etc"),
        "content": b"hello\n",
        **changes,
    }
    return wire.FileTask(**values)  # type: ignore[arg-type]


def written(machine: Machine) -> Path:
    return machine.root / "etc" / "config"


def told(report: wire.Report) -> tuple[str, str, str]:
    return report.kind, report.error_code, report.param


def test_a_file_is_written_and_told(machine: Machine, gateway: FakeGateway) -> None:
    machine.start()
    gateway.send(file(machine, mode="0600"))
    end = gateway.end_of("f-1")
    assert (end.file, told(end)) == (True, (wire.FINISH, "", ""))
    assert written(machine).read_bytes() == b"hello\n"
    assert written(machine).stat().st_mode & 0o7777 == 0o600
    assert any(fetch.task_id == "f-1" for fetch in gateway.fetches)


def test_what_is_wrong_is_told(machine: Machine, gateway: FakeGateway) -> None:
    written(machine).parent.mkdir()
    written(machine).write_bytes(b"there")
    machine.start()
    for task_id, changes, expected in (
        ("f-1", {}, (wire.INVALID, "", "FileExist")),
        ("f-2", {"name": "../up"}, (wire.INVALID, "", "FileNameInvalid")),
        ("f-3", {"owner": "no-such-user"}, (wire.INVALID, "", "FileOwnerNotExist")),
        ("f-4", {"directory": str(written(machine))}, (wire.FINISH, "4", "")),
    ):
        gateway.send(file(machine, task_id, **changes))
        assert told(gateway.end_of(task_id)) == expected
    assert written(machine).read_bytes() == b"there"
    assert not (machine.root / "up").exists()


def test_a_file_that_is_handed_out_again_is_written_once(
    machine: Machine, gateway: FakeGateway
) -> None:
    machine.start()
    gateway.send(file(machine, overwrite=True))
    gateway.end_of("f-1")
    wait_until(lambda: ", acknowledged" in machine.log)
    written(machine).write_bytes(b"changed since")
    gateway.send(file(machine, overwrite=True))  # as a server that lost what it had
    gateway.wait(lambda: len(gateway.finals("f-1")) == 2)
    assert told(gateway.finals("f-1")[1]) == (wire.FINISH, "", "")
    assert written(machine).read_bytes() == b"changed since"


def test_an_end_is_told_until_it_is_heard(machine: Machine, gateway: FakeGateway) -> None:
    machine.start()
    gateway.acknowledge = lambda report: 503 if len(gateway.reports) < 3 else wire.Ack()
    gateway.send(file(machine))
    gateway.wait(lambda: "f-1" not in gateway.sending)
    assert {told(end) for end in gateway.finals("f-1")} == {(wire.FINISH, "", "")}
    wait_until(lambda: ", acknowledged" in machine.log)


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("point", POINTS)
def test_agent_killed_at_every_step(
    machine: Machine, gateway: FakeGateway, point: str, overwrite: bool
) -> None:
    machine.register()
    gateway.send(file(machine, overwrite=overwrite))
    machine.start(die_at=point)
    machine.died()
    in_its_place = written(machine).exists()
    assert in_its_place is (point not in POINTS[:2])
    if in_its_place:
        written(machine).write_bytes(b"changed since")
    machine.start()
    end = gateway.end_of("f-1")
    wait_until(lambda: ", acknowledged" in machine.log)
    assert told(end) == (wire.FINISH, "", "")
    assert written(machine).read_bytes() == (b"changed since" if in_its_place else b"hello\n")
    assert os.listdir(written(machine).parent) == ["config"]


def test_what_was_begun_for_nobody_is_cleared(machine: Machine, gateway: FakeGateway) -> None:
    machine.register()
    gateway.send(file(machine))
    machine.start(die_at="agent.file-written")
    machine.died()
    assert len(os.listdir(written(machine).parent)) == 1
    gateway.sending.clear()  # it has been given up meanwhile
    machine.start()
    wait_until(lambda: not os.listdir(written(machine).parent))
    assert gateway.finals("f-1") == []


def test_a_file_does_not_wait_for_scripts(machine: Machine, gateway: FakeGateway) -> None:
    machine.start()
    for number in range(10):
        gateway.run(task(f"t-{number}", "exec tail -f /dev/null"))
    gateway.send(file(machine))
    assert told(gateway.end_of("f-1")) == (wire.FINISH, "", "")
    for number in range(10):
        gateway.stop(f"t-{number}")
        gateway.end_of(f"t-{number}")
