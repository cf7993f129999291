"""The power of a machine is cut at any step: what ran has run once, and nobody is told a lie.

One life of a real agent is played on a disk that keeps all that happens on it, with marks of what
the agent and its control plane did. Then the power is cut at steps of it, each with another draw of
what came to the disk, and the machine comes back with what is left.
"""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Iterator
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
_FEW = 6
_OUTPUT = b"helloworld\n"
# The last thing before which a step is of no use to a test.
_RAN, _REGISTERED, _HEARD = "ran", "registered", "heard"


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
    return (
        f"test -e {marks}{_RAN}; echo ran >> {machine.root}/count; echo helloworld; exit {code}"
    )


def _lived(machine: Machine, gateway: FakeGateway, code: int, *, deaf: int = 0) -> Life:
    """One life, to the acknowledged end of a command; so many times its end is not heard."""
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
    gateway.run(task("t-1", _script(machine, code)))
    machine.start()
    gateway.end_of("t-1")
    wait_until(lambda: ", acknowledged" in machine.log)
    _dead(machine)
    gateway.acknowledge = lambda report: wire.Ack()
    return Life(steps=tuple(medium.steps))


def _back(machine: Machine, gateway: FakeGateway, image: Image, *, heard: bool, code: int) -> None:
    """The machine has this on its disk, and was booted again."""
    _disk(machine).put(image)
    (machine.root / "count").unlink(missing_ok=True)
    gateway.reports.clear()
    gateway.open.clear()
    if not heard:
        gateway.open["t-1"] = task("t-1", _script(machine, code))
    machine.boot_id = "boot-2"
    machine.start()
    if heard:
        gateway.run(task("t-2", "true"))
        gateway.end_of("t-2")
    else:
        gateway.end_of("t-1")
    _dead(machine)


def _check(machine: Machine, gateway: FakeGateway, life: Life, at: int, code: int) -> None:
    before = at >= life.moment(_RAN)
    assert before + _counted(machine) <= 1, "it ran twice"
    if at >= life.moment(_HEARD):
        assert not _counted(machine), "it ran again after its end was heard"
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


def _cuts(life: Life, name: str) -> list[int]:
    """Steps to cut the power at: those of the fault points, and others; a few unless all."""
    first = life.moment(_REGISTERED)
    if _ALL:
        return list(range(first, len(life.steps) + 1))
    chance = random.Random(f"{_SEED} {name}")
    return sorted(chance.sample(range(first, len(life.steps) + 1), _FEW))


@pytest.mark.parametrize("code", [0, 3, 194])
def test_a_command_whose_machine_loses_its_power(
    powered: Machine, gateway: FakeGateway, code: int
) -> None:
    life = _lived(powered, gateway, code)
    wanted = _cuts(life, str(code))
    for at, medium in instants(Medium(), life.steps):
        if at in wanted:
            chance = random.Random(f"{_SEED} {code} {at}") if at % 3 else None
            image = medium.after_cut(chance)
            assert "state/identity.json" in image, at
            try:
                _back(powered, gateway, image, heard=at >= life.moment(_HEARD), code=code)
                _check(powered, gateway, life, at, code)
            except AssertionError as error:
                raise AssertionError(f"cut after {life.steps[at - 1]}, step {at}: {error}; {sorted(image)}; {[p.content for n, p in image.items() if 'journal' in n]}") from error
