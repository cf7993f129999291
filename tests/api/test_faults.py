"""Faults made on purpose, and requests that are too many, as callers of the API see them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alibabacloud_ecs20140526 import models
from darabonba.exceptions import DaraException

from cloudhand.control.settings import ControlSettings
from tests.api.clients import Caller, ClientError, classic, hang_up, tea, tea_client
from tests.api.cloud import REGION, Cloud, cloud

RUN = {"Type": "RunShellScript", "CommandContent": "true"}


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Cloud]:
    """A cloud of one's own: a fault may strike everybody."""
    with cloud(tmp_path) as it:
        yield it
        hang_up()


def faults(call: Caller) -> list[dict[str, Any]]:
    return list(call("DescribeFaults")["Faults"])


def scripts(it: Cloud, call: Caller, **order: Any) -> list[bytes]:
    """What the machines are given when a command is run on all of them."""
    given: list[bytes] = []

    async def note(world: Any) -> None:
        behave = world.machines.behave

        def noting(machine: Any, task: Any) -> Any:
            given.append(task.content)
            return behave(machine, task)

        world.machines.behave = noting

    it.do(note)
    call("RunCommand", **{**RUN, **order})
    it.advance(seconds=5)
    it.to_the_present()
    return given


def test_a_command_ends_as_a_fault_wants_it_so_many_times(one: Cloud) -> None:
    call, ids = classic(one.endpoint), one.instances(3)
    made = call("CreateFault", Kind="exit", Value=7, InstanceId=ids[:2], Times=1)["FaultId"]
    given = scripts(one, call, InstanceId=ids)
    assert sorted(given) == [b"exit 7\n", b"true", b"true"]
    (told,) = faults(call)
    assert (told["FaultId"], told["Kind"], told["StruckCount"]) == (made, "exit", 1)
    assert (told["InstanceIds"], told["Times"], told["EndTime"]) == (sorted(ids[:2]), 1, "")
    call("DeleteFaults", FaultId=[made])
    assert faults(call) == []


def test_a_command_says_more_than_it_would(one: Cloud) -> None:
    call, ids = classic(one.endpoint), one.instances()
    call("CreateFault", Kind="flood", Value=100_000)
    (given,) = scripts(one, call, InstanceId=ids)
    assert given == b"head -c 100000 /dev/zero | tr '\\0' x\ntrue"


LAUNCHED = {"CommandContent": "print(1)", "Launcher": "python3 -u"}


@pytest.mark.parametrize(
    ("kind", "command", "left"),
    [
        ("flood", {"CommandContent": "#!/bin/cat\n1"}, b"#!/bin/cat\n1"),
        ("flood", LAUNCHED, b"print(1)"),
        ("exit", LAUNCHED, b"print(1)"),
    ],
)
def test_what_another_interpreter_reads_stays_as_it_is(
    one: Cloud, kind: str, command: dict[str, str], left: bytes
) -> None:
    call, ids = classic(one.endpoint), one.instances()
    call("CreateFault", Kind=kind, Value=7)
    assert scripts(one, call, InstanceId=ids, **command) == [left]
    assert faults(call)[0]["StruckCount"] == 0


def test_a_fault_ends_when_its_time_is_over(one: Cloud) -> None:
    call = classic(one.endpoint)
    call("CreateFault", Kind="exit", Value=7, Seconds=60)
    one.advance(seconds=59)
    assert len(faults(call)) == 1
    one.advance(seconds=2)
    assert faults(call) == []


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({}, "MissingParameter.Kind"),
        ({"Kind": "bad-luck"}, "InvalidParameter.Kind"),
        ({"Kind": "exit", "Value": 256}, "InvalidParameter.Value"),
        ({"Kind": "offline", "Value": 1}, "InvalidParameter.Value"),
        ({"Kind": "exit", "Percent": 0}, "InvalidParameter.Percent"),
        ({"Kind": "offline", "Times": 1}, "InvalidParameter.Times"),
        ({"Kind": "exit", "InstanceId": ["i-nobody"]}, "InvalidInstanceId.NotFound"),
    ],
)
def test_what_is_no_fault_is_refused(one: Cloud, given: dict[str, Any], code: str) -> None:
    with pytest.raises(ClientError) as caught:
        classic(one.endpoint)("CreateFault", **given)
    assert caught.value.code == code


def test_the_newer_sdk_is_told_when_to_come_again(one: Cloud) -> None:
    faulty = classic(one.endpoint)
    faulty("CreateFault", Kind="throttle", Value=1500, Times=1)
    client = tea_client(one.endpoint)
    with pytest.raises(DaraException) as caught:
        client.describe_regions(models.DescribeRegionsRequest())
    assert type(caught.value).__name__ == "ThrottlingException"
    assert (caught.value.code, caught.value.retry_after) == ("Throttling.User", 1500)
    client.describe_regions(models.DescribeRegionsRequest())
    assert faults(faulty)[0]["StruckCount"] == 1


def test_a_share_of_the_requests_is_struck_the_same_ones_each_time(one: Cloud) -> None:
    call = classic(one.endpoint)

    def answered() -> list[bool]:
        call("CreateFault", Kind="throttle", Percent=50, Seed=7)
        found = []
        for _ in range(20):
            try:
                call("DescribeRegions")
                found.append(True)
            except ClientError as error:
                assert (error.code, error.status) == ("Throttling.User", 400)
                found.append(False)
        call("DeleteFaults")
        return found

    first = answered()
    assert set(first) == {True, False}
    assert answered() == first


def test_no_more_requests_are_answered_in_a_second_than_there_may_be(tmp_path: Path) -> None:
    with cloud(tmp_path, ControlSettings(requests_per_second=5)) as it:
        call = tea(it.endpoint)
        told = []
        for _ in range(8):  # no time passes
            try:
                call("DescribeRegions")
                told.append("")
            except ClientError as error:
                told.append(error.code)
        assert told == [""] * 5 + ["Throttling.User"] * 3
        it.advance(seconds=0.4)
        call("DescribeInstances", RegionId=REGION)
        call("DescribeRegions")
        with pytest.raises(ClientError):
            call("DescribeRegions")
        it.advance(seconds=2)
        call("DescribeRegions")
        hang_up()
