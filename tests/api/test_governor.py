"""The governor, as callers of the API see it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.clients import Caller, classic, code_of, hang_up
from tests.api.cloud import Cloud, cloud
from tests.machines import exit_with

RESTART = {"Type": "RunShellScript", "CommandContent": "exit 194"}


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Cloud]:
    """A cloud of one's own, whose machines restart by every command."""
    with cloud(tmp_path) as it:
        it.world.machines.behave = exit_with(194)
        yield it
        hang_up()


def slots(call: Caller, **wanted: Any) -> list[dict[str, Any]]:
    return list(call("DescribeGovernorSlots", **wanted)["Slots"])


def test_a_group_is_made_and_changed_and_taken_away(one: Cloud) -> None:
    call = classic(one.endpoint)
    one.instances(3, tags={"role": "db"})
    call("SetGovernorGroup", GroupName="db", Tag=[{"Key": "role", "Value": "db"}])
    (group,) = call("DescribeGovernorGroups")["Groups"]
    assert group.pop("CreationTime")
    assert group == {
        "GroupName": "db",
        "Tags": {"Tag": [{"TagKey": "role", "TagValue": "db"}]},
        "Budget": "1",
        "Room": 1,
        "MemberCount": 3,
        "HeldCount": 0,
        "WaitingCount": 0,
        "Lease": 3600,
        "Restarts": 5,
        "RestartsWithin": 3600,
        "CountsOffline": True,
        "FleetLock": False,
    }
    call(
        "SetGovernorGroup",
        GroupName="db",
        Budget="67%",
        Lease=600,
        Restarts=2,
        RestartsWithin=60,
        CountsOffline=False,
    )
    (group,) = call("DescribeGovernorGroups")["Groups"]
    assert (group["Budget"], group["Room"], len(group["Tags"]["Tag"])) == ("67%", 2, 1)
    assert (group["Lease"], group["Restarts"], group["RestartsWithin"]) == (600, 2, 60)
    assert group["CountsOffline"] is False
    told = call("SetGovernorGroup", GroupName="db", AllMachines=True)
    assert (told["Tags"]["Tag"], told["Budget"], told["Lease"]) == ([], "67%", 600)
    call("DeleteGovernorGroup", GroupName="db")
    assert call("DescribeGovernorGroups")["Groups"] == []


def test_who_holds_and_who_waits_is_told_and_can_be_helped(one: Cloud) -> None:
    call, (first, second) = classic(one.endpoint), one.instances(2)
    call("SetGovernorGroup", GroupName="all", CountsOffline=False)
    call("SetGovernorGroup", GroupName="others", Tag=[{"Key": "role", "Value": "web"}])
    one.world.machine(first).has_agent = False  # from its next start on
    one.do(lambda world: world.control.instances.reboot([first], force=False, together=True))
    one.advance(seconds=2)
    one.to_the_present()
    invoke_id = call("RunCommand", InstanceId=[second], **RESTART)["InvokeId"]
    one.advance(seconds=1)
    one.to_the_present()
    (waiting, held) = slots(call, GroupName="all")
    assert (held["Holder"], held["Status"], held["Reason"]) == (first, "Held", "RebootInstances")
    assert (waiting["Holder"], waiting["Status"]) == (second, "Waiting")
    assert waiting["WaitsFor"] == f"waits for its turn in all (1 at a time): {first} restarts"
    assert waiting["Reason"] == f"exit code of {invoke_id}"
    assert slots(call, GroupName="others") == []
    assert code_of(call, "DescribeGovernorSlots", GroupName="none") == "InvalidGroupName.NotFound"
    answer = call("DescribeGovernorSlots", MaxResults=1)
    assert len(answer["Slots"]) == 1
    assert slots(call, MaxResults=1, NextToken=answer["NextToken"]) == [held]
    result = call("DescribeInvocationResults", InvokeId=invoke_id)["Invocation"]
    (told,) = result["InvocationResults"]["InvocationResult"]
    assert told["InvocationStatus"] == "Success"
    assert (told["PowerAction"]["Status"], told["PowerAction"]["Reason"]) == (
        "Held",
        waiting["WaitsFor"],
    )
    one.do(lambda world: world.control.instances.reboot([second], force=False, together=True))
    assert code_of(call, "ReleaseGovernorSlot", SlotId=waiting["SlotId"]) == (
        "OperationDenied.RestartOrdered"
    )
    call("ReleaseGovernorSlot", SlotId=held["SlotId"])
    one.advance(seconds=8)
    one.to_the_present()
    assert one.world.machine(second).boots == 2
    assert slots(call) == []
    assert {one["Status"] for one in slots(call, Ended=True)} == {"Released", "Returned"}


def test_a_machine_that_restarts_too_often_is_refused(one: Cloud) -> None:
    call, (machine,) = classic(one.endpoint), one.instances()
    call("SetGovernorGroup", GroupName="all", Restarts=1, CountsOffline=False)
    call("RebootInstances", InstanceId=[machine])
    one.advance(seconds=10)
    one.to_the_present()
    assert code_of(call, "RebootInstances", InstanceId=[machine]) == (
        "OperationDenied.RestartLimit"
    )
    assert code_of(call, "RebootInstance", InstanceId=machine) == "OperationDenied.RestartLimit"
    answer = call("RebootInstances", InstanceId=[machine], BatchOptimization="SuccessFirst")
    (response,) = answer["InstanceResponses"]["InstanceResponse"]
    assert response["Code"] == "OperationDenied.RestartLimit"


def test_there_are_no_more_groups_than_a_hundred(one: Cloud) -> None:
    call = classic(one.endpoint)
    for number in range(100):
        call("SetGovernorGroup", GroupName=f"g{number}")
    assert code_of(call, "SetGovernorGroup", GroupName="more") == "QuotaExceed.GovernorGroup"
    call("SetGovernorGroup", GroupName="g7", Budget="2")


def test_the_address_for_other_tools_is_told_once(one: Cloud) -> None:
    call = classic(one.endpoint)
    call("SetGovernorGroup", GroupName="all")
    first = call("ResetFleetLockToken", GroupName="all")["BasePath"]
    second = call("ResetFleetLockToken", GroupName="all")["BasePath"]
    assert first != second
    assert second.startswith("/fleetlock/1000000000000001/")
    (group,) = call("DescribeGovernorGroups")["Groups"]
    assert group["FleetLock"] is True
    assert call("ResetFleetLockToken", GroupName="all", Closed=True)["BasePath"] == ""
    (group,) = call("DescribeGovernorGroups")["Groups"]
    assert group["FleetLock"] is False
