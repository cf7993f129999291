"""A control plane that is killed at any step of a command, a registration or an execution: when
another one has started, each script has run once, each result is there, and is the true one.

What is looked at is what anybody sees: the answers of the API, and a file that the scripts write.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from typing import Any

import pytest

from cloudhand.cli.client import OOS
from tests.faults.armed import Armed
from tests.system.place import Plane
from tests.system.waiting import until

_ALL = os.environ.get("CLOUDHAND_TEST_FAULTS") == "all"
_SEED = os.environ.get("CLOUDHAND_TEST_SEED", "1")
_FEW = 1

_OF_A_COMMAND = ("plane.asked", "plane.recorded", "plane.handed-out", "plane.heard",
                 "plane.stored", "store.commit")  # fmt: skip
_OF_A_RESTART = ("plane.heard", "plane.stored", "plane.beat", "plane.ordered",
                 "plane.carried-out")  # fmt: skip
_OF_A_MACHINE = ("plane.registered", "plane.ordered", "plane.carried-out", "plane.beat",
                 "store.commit")  # fmt: skip
_OF_AN_EXECUTION = ("plane.decided", "plane.noted", "plane.asked", "plane.recorded",
                    "plane.stored")  # fmt: skip
_EXECUTION = """
FormatVersion: OOS-2019-06-01
Tasks:
  - Name: run
    Action: ACS::ECS::RunCommand
    Properties: {instanceId: %s, commandType: RunShellScript, commandContent: %s}
"""


def _drawn(points: tuple[str, ...]) -> list[str]:
    chance = random.Random(f"{_SEED} {points}")
    return list(points) if _ALL else sorted(chance.sample(points, _FEW))


def _lines(instance_id: str) -> str:
    """A file that outlives a restart; plain processes share their machine's directories."""
    return f"/var/tmp/cloudhand-test-{instance_id}"


def _invocations(plane: Plane) -> list[dict[str, Any]]:
    found = plane.call("DescribeInvocations", MaxResults=50)["Invocations"]["Invocation"]
    return [one for one in found if one["CommandName"] == "marked"]


def _asked_once(plane: Plane, ask: Callable[[], str], answer: object) -> str:
    """What was answered, or is there without an answer; else it is asked again."""
    there = [one["InvokeId"] for one in _invocations(plane)]
    assert len(there) <= 1
    if answer is not None:
        assert there == [answer]
    return there[0] if there else ask()


def _ran_once(plane: Plane, instance_id: str) -> None:
    plane.wait([instance_id])
    lines = _lines(instance_id)
    assert plane.run(instance_id, f"cat {lines}; rm {lines}").output == b"ran\n"


@pytest.mark.parametrize("point", _drawn(_OF_A_COMMAND))
@pytest.mark.parametrize("code", [0, 3])
def test_a_command_runs_once_and_ends_as_it_ended(own: Plane, point: str, code: int) -> None:
    armed = Armed(own, point)
    own.start()
    (instance_id,) = own.instances()

    def ask() -> str:
        script = f"echo ran >> {_lines(instance_id)}; echo bye; exit {code}"
        return own.ask([instance_id], script, Name="marked")

    invoke_id = _asked_once(own, ask, armed.killed_by(ask))

    (result,) = own.settled(invoke_id)
    assert (result.status, result.exit_code) == ("Failed" if code else "Success", code)
    assert (result.output, result.dropped) == (b"bye\n", 0)
    _ran_once(own, instance_id)


@pytest.mark.parametrize("point", _drawn(_OF_A_RESTART))
def test_a_machine_restarts_once_after_its_result_is_stored(own: Plane, point: str) -> None:
    armed = Armed(own, point)
    own.start()
    (instance_id,) = own.instances()
    before = own.boot_id(instance_id)

    def ask() -> str:
        script = f"echo ran >> {_lines(instance_id)}; echo bye; exit 194"
        return own.ask([instance_id], script, Name="marked")

    invoke_id = _asked_once(own, ask, armed.killed_by(ask))

    (result,) = own.settled(invoke_id)
    assert (result.status, result.exit_code, result.output) == ("Success", 194, b"bye\n")
    power = result.power
    assert power is not None
    assert (power.status, power.boot_id_before) == ("Done", before)
    own.wait([instance_id])
    assert own.boot_id(instance_id) == power.boot_id_after != before
    _ran_once(own, instance_id)


@pytest.mark.parametrize("point", _drawn(_OF_A_MACHINE))
def test_a_machine_that_is_made_joins_once(own: Plane, point: str) -> None:
    armed = Armed(own, point)
    own.start()
    armed.killed_by(lambda: own.call("RunInstances", Amount=1, ClientToken="once"))
    answer = own.call("RunInstances", Amount=1, ClientToken="once")
    (instance_id,) = answer["InstanceIdSets"]["InstanceIdSet"]
    own.wait([instance_id])
    found = own.call("DescribeInstances")["Instances"]["Instance"]
    assert [one["InstanceId"] for one in found] == [instance_id]
    assert own.run(instance_id, "echo hello").output == b"hello\n"


@pytest.mark.parametrize("point", _drawn(_OF_AN_EXECUTION))
def test_an_execution_asks_once(own: Plane, point: str) -> None:
    armed = Armed(own, point)
    own.start()
    (instance_id,) = own.instances()
    script = json.dumps(f"echo ran >> {_lines(instance_id)}")
    order = {"TemplateContent": _EXECUTION % (instance_id, script), "ClientToken": "once"}

    def start() -> str:
        started = own.client.call("StartExecution", order, version=OOS)
        execution_id: str = started["Execution"]["ExecutionId"]
        return execution_id

    armed.killed_by(start)
    execution_id = start()

    def status() -> str:
        wanted = {"ExecutionId": execution_id}
        (one,) = own.client.call("ListExecutions", wanted, version=OOS)["Executions"]
        told: str = one["Status"]
        return told

    until(lambda: status() not in ("Started", "Queued", "Running"), at_most=60, what="its end")
    assert status() == "Success"
    _ran_once(own, instance_id)
