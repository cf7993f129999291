"""The control plane is away: the agent goes on, keeps what it has to say, and does not grow."""

from __future__ import annotations

import os

from cloudhand.wire import agent as wire
from tests.agent.conftest import Machine, task, wait_until
from tests.agent.gateway import FakeGateway

_TASKS = [f"t-{number}" for number in range(8)]


def _descriptors(machine: Machine) -> int:
    assert machine.process is not None
    return len(os.listdir(f"/proc/{machine.process.pid}/fd"))


def _failures(machine: Machine) -> int:
    return machine.log.count("not reported yet")


def test_attempts_that_fail_leave_nothing_open(machine: Machine, gateway: FakeGateway) -> None:
    machine.start()
    for task_id in _TASKS:
        gateway.run(
            task(task_id, f"until [ -e {machine.root}/gate ]; do sleep 0.1; done; echo helloworld")
        )
    gateway.wait(lambda: {report.task_id for report in gateway.reports} == set(_TASKS))
    gateway.down()
    (machine.root / "gate").touch()
    wait_until(lambda: _failures(machine) >= 2 * len(_TASKS))
    before = _descriptors(machine), machine.threads
    wait_until(lambda: _failures(machine) >= 4 * len(_TASKS))
    after = _descriptors(machine), machine.threads
    assert after[0] <= before[0] + 1 and after[1] <= before[1]  # one attempt may be under way
    gateway.up()
    for task_id in _TASKS:
        assert gateway.end_of(task_id).kind == wire.FINISH
    wait_until(lambda: machine.log.count(", acknowledged") == len(_TASKS))
    assert len(gateway.finals(_TASKS[0])) == 1
    machine.stop()


def test_who_was_not_heard_beats_as_soon_as_somebody_answers(
    machine: Machine, gateway: FakeGateway
) -> None:
    """Or it would not be online until its next heart-beat is due, a minute later."""
    machine.pauses = """
from cloudhand.agent import comeback, life
life._SHORTEST, life._LONGEST = 200, 300  # it chooses itself, as what the gateway says is more
comeback._BEAT_FIRST = comeback._BEAT_LAST = 3600.0
"""
    machine.start()
    gateway.down()
    beats = len(gateway.beats)
    wait_until(lambda: "heart-beat failed" in machine.log, at_most=20)
    gateway.up()
    gateway.wait(lambda: len(gateway.beats) > beats)
