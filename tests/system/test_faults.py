"""Faults made on purpose, by the command line, on a machine that is really there."""

from __future__ import annotations

import json

import pytest

from tests.system.place import Plane, ended
from tests.system.waiting import until

pytestmark = pytest.mark.drawn


def fault(plane: Plane, *words: str) -> str:
    """What it says; it is to succeed."""
    child = ended(plane.place.start("fault", *words, "--state", str(plane.state)))
    assert child.returncode == 0, child.stderr
    return child.stdout


def test_a_command_fails_as_often_as_it_is_to(shared: Plane, instance: str) -> None:
    made = fault(shared, "make", "exit", "7", "--on", instance, "--times", "1").strip()
    assert [shared.run(instance, "true").exit_code for _ in range(2)] == [7, 0]
    assert f"{made:<14}  exit" in fault(shared, "list")
    (told,) = json.loads(fault(shared, "list", "--json"))
    assert (told["faultId"], told["struck"], told["instanceIds"]) == (made, 1, [instance])
    fault(shared, "clear", made)
    assert json.loads(fault(shared, "list", "--json")) == []


def test_a_flood_is_counted_to_the_byte(shared: Plane, instance: str) -> None:
    fault(shared, "make", "flood", "3000000", "--on", instance, "--times", "1")
    result = shared.run(instance, "echo; echo end")
    fault(shared, "clear")
    assert result.output.endswith(b"x\nend\n")
    assert len(result.output) + result.dropped == 3_000_005


def test_a_machine_goes_offline_and_comes_back(shared: Plane, instance: str) -> None:
    def online() -> bool:
        found = shared.call("DescribeCloudAssistantStatus", InstanceId=[instance])
        (one,) = found["InstanceCloudAssistantStatusSet"]["InstanceCloudAssistantStatus"]
        return bool(one["CloudAssistantStatus"] == "true")

    assert online()
    fault(shared, "make", "offline", "--on", instance)
    until(lambda: not online(), what="the agent to be offline")
    fault(shared, "clear")
    until(online, what="the agent to be back")
    assert shared.run(instance, "echo back").output == b"back\n"


def test_what_is_no_fault_is_said(shared: Plane) -> None:
    for words, said in (
        (("luck",), "luck is no kind of fault: offline, slow-boot"),
        (("exit",), "say exit CODE"),
        (("offline", "5"), "offline takes no value"),
        (("offline", "--on", "nobody"), "there is no machine nobody"),
    ):
        state = ("--state", str(shared.state))
        child = ended(shared.place.start("fault", "make", *words, *state))
        assert child.returncode == 2
        assert said in child.stderr
