"""The power of a machine is cut at any step: what ran has run once, and nobody is told a lie.

One life of a real agent is played on a disk that keeps all that happens on it, with marks of what
the agent and its control plane did. Then the power is cut at steps of it, each with another draw of
what came to the disk, and the machine comes back with what is left.
"""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from cloudhand.wire import agent as wire
from tests.agent.conftest import Machine, gateway, machine, pyz, task, wait_until
from tests.agent.gateway import FakeGateway
from tests.faults.disk import MARK, Disk, mounted
from tests.faults.medium import Image, Medium, Step, instants

__all__ = ["gateway", "machine", "pyz"]

_ALL = os.environ.get("CLOUDHAND_TEST_FAULTS") == "all"
_SEED = os.environ.get("CLOUDHAND_TEST_SEED", "1")
_FEW = 2  # steps, of each life
_OUTPUT = b"helloworld\n"
_RAN, _REGISTERED, _HEARD = "ran", "registered", "heard"


_POINTS = ("agent.before-journal", "agent.after-journal", "agent.spawn", "agent.spawned",
           "agent.exit", "agent.spool", "agent.report", "agent.ack")  # fmt: skip


def _drawn_points() -> list[str]:
    chance = random.Random(f"{_SEED} points")
    return list(_POINTS) if _ALL else [chance.choice(_POINTS)]


@dataclass(frozen=True, kw_only=True)
class Life:
    """What happened on a disk, and when."""

    steps: tuple[Step, ...]

    def moment(self, mark: str) -> int:
        """How many steps are over when it was left first; after all where it never was."""
        wanted = ("mark", mark)
        return self.steps.index(wanted) + 1 if wanted in self.steps else len(self.steps) + 1


@pytest.fixture
def powered(machine: Machine) -> Iterator[Machine]:
    """A machine whose state is on a disk that loses what was not synced."""
    path = machine.root / "disk"
    path.mkdir()
    with mounted(path) as one:
        machine.disk = one
        yield machine
        _dead(machine)


def _disk(machine: Machine) -> Disk:
    assert machine.disk is not None
    return machine.disk


def _dead(machine: Machine) -> None:
    """Everything on the machine is, as when its power is cut."""
    if machine.process is not None and machine.process.poll() is None:
        machine.kill()
    for pid in machine.processes():
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not machine.processes())


def _counted(machine: Machine) -> int:
    path = machine.root / "count"
    return len(path.read_text().splitlines()) if path.exists() else 0


def _script(machine: Machine, code: int) -> str:
    marks = f"{_disk(machine).path}/{MARK}"
    return f"test -e {marks}{_RAN}; echo ran >> {machine.root}/count; echo helloworld; exit {code}"


def _lived(
    machine: Machine, gateway: FakeGateway, asked: wire.Task | wire.FileTask, *, deaf: int = 0
) -> Life:
    """One life, to the acknowledged end of what is asked; so many times its end is not heard."""
    answers: list[wire.Ack | int] = [503] * deaf
    medium = _disk(machine).medium

    def acknowledge(report: wire.Report) -> wire.Ack | int:
        if report.kind == wire.RUNNING:
            return wire.Ack()
        if answers:
            return answers.pop()
        _disk(machine).mark(_HEARD)
        return wire.Ack()

    gateway.acknowledge = acknowledge
    machine.register()
    _disk(machine).mark(_REGISTERED)
    if isinstance(asked, wire.Task):
        gateway.run(asked)
    else:
        gateway.send(asked)
    machine.start()
    gateway.wait(lambda: not gateway.open and not gateway.sending)
    wait_until(lambda: ", acknowledged" in machine.log)
    _dead(machine)
    gateway.acknowledge = lambda report: wire.Ack()
    return Life(steps=tuple(medium.steps))


def _back(
    machine: Machine, gateway: FakeGateway, image: Image, asked: wire.Task | wire.FileTask | None
) -> None:
    """The machine has this on its disk, and was booted again; None: nothing is left to be done."""
    _disk(machine).put(image)
    (machine.root / "count").unlink(missing_ok=True)
    (machine.root / "power").unlink(missing_ok=True)
    gateway.reports.clear()
    gateway.open.clear()
    gateway.sending.clear()
    if isinstance(asked, wire.Task):
        gateway.open[asked.task_id] = asked
    elif asked is not None:
        gateway.sending[asked.task_id] = asked
    machine.boot_id = "boot-2"
    machine.start()
    if asked is None:
        gateway.run(task("t-2", "true"))
        gateway.end_of("t-2")
    else:
        gateway.end_of(asked.task_id)
    _dead(machine)


def _check(machine: Machine, gateway: FakeGateway, life: Life, at: int, code: int) -> None:
    before = at >= life.moment(_RAN)
    assert before + _counted(machine) <= 1, "it ran twice"
    if at >= life.moment(_HEARD):
        assert not _counted(machine), "it ran again after its end was heard"
        assert not machine.power_orders, "it went down again"
        return
    end = gateway.end_of("t-1")
    assert _OUTPUT.startswith(gateway.output_of("t-1")), "it said something else"
    if end.kind == wire.INTERRUPTED:
        assert end.error_code == "InstanceRestarted"
        assert at >= life.moment("agent.before-journal"), "it was lost before it was accepted"
        return
    assert (end.kind, end.exit_code) == (wire.FINISH, code)
    assert _counted(machine) or at >= life.moment("agent.exit"), "its end was made up"
    assert len(gateway.output_of("t-1")) + end.dropped == len(_OUTPUT), "its output is lost"


@pytest.mark.parametrize("code", [0, 3, 194] if _ALL else [3, 194])
def test_a_command_whose_machine_loses_its_power(
    powered: Machine, gateway: FakeGateway, code: int
) -> None:
    asked = task("t-1", _script(powered, code))
    life = _lived(powered, gateway, asked)
    for at, image in _cut(life, str(code)):
        assert "state/identity.json" in image
        _back(powered, gateway, image, asked if at < life.moment(_HEARD) else None)
        with _told_of(life, at, image):
            _check(powered, gateway, life, at, code)


@pytest.mark.parametrize("code", [0, 3] if _ALL else [3])
def test_an_end_that_nobody_heard_lasts(powered: Machine, gateway: FakeGateway, code: int) -> None:
    asked = task("t-1", _script(powered, code))
    life = _lived(powered, gateway, asked, deaf=1)
    at = life.moment(_HEARD) - 1  # it was told a second time, and so it had been kept
    for chance in (None, *(random.Random(f"{_SEED} {draw}") for draw in range(_FEW))):
        image = _at(life, at).after_cut(chance)
        _back(powered, gateway, image, asked)
        with _told_of(life, at, image):
            _check(powered, gateway, life, at, code)
            end = gateway.end_of("t-1")
            assert (end.kind, end.exit_code, end.dropped) == (wire.FINISH, code, 0)
            assert gateway.output_of("t-1") == _OUTPUT


def test_a_refusal_that_nobody_heard_lasts(powered: Machine, gateway: FakeGateway) -> None:
    asked = task("t-1", "true", username="nobody-of-that-name")
    life = _lived(powered, gateway, asked, deaf=1)
    image = _at(life, life.moment(_HEARD) - 1).after_cut()
    _back(powered, gateway, image, asked)
    assert gateway.end_of("t-1").kind == wire.INVALID


def test_a_file_whose_machine_loses_its_power(powered: Machine, gateway: FakeGateway) -> None:
    folder = f"{_disk(powered).path}/new/folder"
    asked = wire.FileTask(task_id="f-1", name="motd", directory=folder, content=b"hello\n")
    life = _lived(powered, gateway, asked)
    for at, medium in instants(Medium(), life.steps):
        if at >= life.moment(_HEARD):
            assert medium.after_cut()["new/folder/motd"].content == b"hello\n"
    for at, image in _cut(life, "file", until=life.moment(_HEARD)):
        _back(powered, gateway, image, asked)
        with _told_of(life, at, image):
            end = gateway.end_of("f-1")
            assert (end.kind, end.error_code) == (wire.FINISH, "")
            left = _disk(powered).medium.after_cut().get("new/folder/motd")
            assert left is not None and left.content == b"hello\n", "it is not there"


def _full(disk: Disk, room: int) -> None:
    disk.room = room


def _read_only(disk: Disk, _: int) -> None:
    disk.read_only = True


@pytest.mark.parametrize("how", [_full, _read_only])
@pytest.mark.parametrize("point", _drawn_points())
def test_a_command_whose_disk_takes_nothing_for_a_while(
    powered: Machine, gateway: FakeGateway, point: str, how: Callable[[Disk, int], None]
) -> None:
    disk = _disk(powered)
    room = random.Random(f"{_SEED} {point}").randrange(300)
    powered.start()

    def strike(mark: str) -> None:
        if mark == point:
            how(disk, room)

    disk.when_marked = strike
    gateway.run(task("t-1", _script(powered, 3)))
    wait_until(lambda: disk.refused > 1 or gateway.finals("t-1"))
    disk.when_marked = lambda mark: None
    disk.room, disk.read_only = None, False

    end = gateway.end_of("t-1")
    if end.kind == wire.ERROR:
        assert _counted(powered) == 0
        assert (end.error_code == "NoEnoughSpace") == (how is _full), end.error_description
    else:
        assert (end.kind, end.exit_code, _counted(powered)) == (wire.FINISH, 3, 1)
        assert (gateway.output_of("t-1"), end.dropped) == (_OUTPUT, 0)
    gateway.run(task("t-2", "echo again"))
    assert gateway.end_of("t-2").output == b"again\n"
    gateway.run(task("t-1", _script(powered, 3)))  # as a server that lost what it had
    gateway.wait(lambda: not gateway.open)
    if end.kind == wire.FINISH:
        assert _counted(powered) == 1


def test_an_agent_says_that_its_disk_is_not_to_be_written(powered: Machine) -> None:
    powered.register()
    _disk(powered).read_only = True
    powered.start_only()
    assert powered.process is not None
    assert powered.process.wait(15) != 0
    assert powered.log == (
        f"cloudhand-agent: cannot keep anything in {powered.state}: Read-only file system; name"
        " another directory with --state\n"
    )


def _at(life: Life, wanted: int) -> Medium:
    return next(medium for at, medium in instants(Medium(), life.steps) if at == wanted)


def _cut(life: Life, name: str, *, until: int | None = None) -> Iterator[tuple[int, Image]]:
    """What is left of cuts at some steps, or at all."""
    first, last = life.moment(_REGISTERED), len(life.steps) + 1 if until is None else until
    chance = random.Random(f"{_SEED} {name}")
    wanted = range(first, last)
    drawn = set(wanted if _ALL else chance.sample(wanted, _FEW))
    for at, medium in instants(Medium(), life.steps):
        if at in drawn:
            yield at, medium.after_cut(chance if chance.random() < 0.7 else None)


@contextmanager
def _told_of(life: Life, at: int, image: Image) -> Iterator[None]:
    """What fails in there says what the disk held."""
    try:
        yield
    except AssertionError as error:
        names = ", ".join(f"{path} ({len(kept.content)})" for path, kept in image.items())
        why = f"cut at step {at}, after {life.steps[at - 1]}: {error}; left were {names}"
        raise AssertionError(why) from None
