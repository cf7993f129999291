"""Instances made without a start, changed, and told one by one; what an account may have."""

from __future__ import annotations

import base64
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cloudhand.api.ecs import machine
from cloudhand.control.settings import ControlSettings
from cloudhand.core.ids import InstanceId
from tests.api.clients import CALLERS, Caller, ClientError, hang_up, tea
from tests.api.cloud import REGION, Cloud, cloud
from tests.world import World

SCRIPT = base64.b64encode(b"#!/bin/sh\ntrue\n").decode()


@pytest.fixture(params=["tea", "classic"])
def call(it: Cloud, request: pytest.FixtureRequest) -> Caller:
    return CALLERS[request.param](it.endpoint)


def created(it: Cloud, call: Caller, **values: Any) -> InstanceId:
    made = InstanceId(call("CreateInstance", **values)["InstanceId"])
    settled(it, made, "Stopped")
    return made


def settled(it: Cloud, instance_id: InstanceId, state: str) -> None:
    it.do(lambda world: world.until(lambda: world._all_in([instance_id], state)))


def test_an_instance_is_made_and_left_stopped_until_it_is_started(it: Cloud, call: Caller) -> None:
    answer = call(
        "CreateInstance",
        ImageId="aliyun_3_x64_20G",
        InstanceType="ecs.g7.large",
        ZoneId=f"{REGION}-i",
        InstanceName="web-1",
        HostName="web.one",
        Description="alone",
        UserData=SCRIPT,
        DeletionProtection=True,
        ResourceGroupId="rg-1",
        Tag=[{"Key": "role", "Value": "web"}],
    )
    assert (answer["OrderId"], answer["TradePrice"]) == ("", 0)
    made = InstanceId(answer["InstanceId"])
    settled(it, made, "Stopped")
    assert it.world.machine(made).boots == 0
    (one,) = call("DescribeInstances", InstanceIds=f'["{made}"]')["Instances"]["Instance"]
    assert (one["InstanceName"], one["HostName"], one["Description"]) == (
        "web-1",
        "web.one",
        "alone",
    )
    assert (one["ZoneId"], one["InstanceType"]) == (f"{REGION}-i", "ecs.g7.large")
    assert (one["ResourceGroupId"], one["DeletionProtection"]) == ("rg-1", True)
    assert one["Tags"]["Tag"] == [{"TagKey": "role", "TagValue": "web"}]
    assert one["StoppedMode"] == "KeepCharging"

    call("StartInstance", InstanceId=made)
    settled(it, made, "Running")
    assert it.world.machine(made).boots == 1


def test_an_instance_is_changed_and_its_machine_told_at_its_next_start(
    it: Cloud, call: Caller
) -> None:
    made = created(it, call, InstanceName="before", Description="as it was", HostName="before")

    call(
        "ModifyInstanceAttribute",
        InstanceId=made,
        InstanceName="after",
        Description="as it is",
        HostName="after",
        UserData=SCRIPT,
        DeletionProtection=True,
    )

    told = call("DescribeInstanceAttribute", InstanceId=made)
    assert (told["InstanceName"], told["HostName"]) == ("after", "after")
    assert told["Description"] == "as it is"
    assert call("DescribeUserData", InstanceId=made)["UserData"] == SCRIPT
    with pytest.raises(ClientError, match="DeletionProtection"):
        call("DeleteInstance", InstanceId=made)
    call("StartInstance", InstanceId=made)
    settled(it, made, "Running")
    boot = it.world.machine(made).boot
    assert boot is not None
    assert (boot.hostname, boot.user_data) == ("after", b"#!/bin/sh\ntrue\n")

    # While it runs it may be given another name, which it has from its restart on.
    call("ModifyInstanceAttribute", InstanceId=made, HostName="again", DeletionProtection=False)
    assert it.world.machine(made).boot == boot
    call("RebootInstance", InstanceId=made)
    settled(it, made, "Running")
    boot = it.world.machine(made).boot
    assert boot is not None and boot.hostname == "again"


def test_what_is_not_given_stays_as_it_is(it: Cloud, call: Caller) -> None:
    made = created(it, call, InstanceName="name", Description="text", UserData=SCRIPT)
    before = call("DescribeInstanceAttribute", InstanceId=made)
    call("ModifyInstanceAttribute", InstanceId=made)
    after = call("DescribeInstanceAttribute", InstanceId=made)
    assert {**after, "RequestId": ""} == {**before, "RequestId": ""}
    assert call("DescribeUserData", InstanceId=made)["UserData"] == SCRIPT


def test_an_instance_that_boots_gets_no_other_name(it: Cloud, call: Caller) -> None:
    made = created(it, call)
    it.world.machine(made).connected = False  # so that it goes on starting
    call("StartInstance", InstanceId=made)
    settled(it, made, "Starting")
    with pytest.raises(ClientError) as caught:
        call("ModifyInstanceAttribute", InstanceId=made, HostName="other")
    assert (caught.value.code, caught.value.status) == ("IncorrectInstanceStatus", 403)
    call("ModifyInstanceAttribute", InstanceId=made, InstanceName="other")
    call("DeleteInstance", InstanceId=made, Force=True)


def test_one_instance_is_told(it: Cloud, call: Caller) -> None:
    (made,) = it.instances()
    told = call("DescribeInstanceAttribute", InstanceId=made)
    (listed,) = call("DescribeInstances", InstanceIds=f'["{made}"]')["Instances"]["Instance"]
    assert (told["IoOptimized"], told["Status"]) == ("optimized", "Running")
    alike = ("Cpu", "Memory", "VpcAttributes", "SecurityGroupIds", "CreationTime", "SerialNumber")
    assert {name: told[name] for name in alike} == {name: listed[name] for name in alike}
    assert call("DescribeUserData", InstanceId=made)["UserData"] == ""


def attributes(call: Caller, **asked: Any) -> dict[str, list[str]]:
    items = call("DescribeAccountAttributes", **asked)["AccountAttributeItems"]
    return {
        item["AttributeName"]: [one["Value"] for one in item["AttributeValues"]["ValueItem"]]
        for item in items["AccountAttributeItem"]
    }


def test_an_account_is_told_what_it_may_have(tmp_path: Path) -> None:
    settings = ControlSettings(commands_limit=7, activations_limit=8, invocations_per_day=9)
    with cloud(tmp_path, settings) as it:
        call = tea(it.endpoint)
        quotas = {
            "max-axt-command-count": ["7"],
            "max-cloud-assistant-activation-count": ["8"],
            "max-axt-invocation-daily": ["9"],
        }
        assert attributes(call, AttributeName=list(quotas)) == quotas
        known = attributes(call)
        assert known == quotas | {
            "instance-network-type": ["vpc"],
            "supported-postpaid-instance-types": [machine.INSTANCE_TYPE] * 3,
        }
        one_zone = attributes(call, ZoneId=f"{REGION}-h")
        assert one_zone["supported-postpaid-instance-types"] == [machine.INSTANCE_TYPE]
        # What is published and means nothing here has no value.
        assert attributes(call, AttributeName=["max-dedicated-hosts"]) == {
            "max-dedicated-hosts": []
        }
        hang_up()


def test_without_a_quota_there_is_no_number_to_tell(tmp_path: Path) -> None:
    with cloud(tmp_path, ControlSettings(invocations_per_day=0)) as it:
        call = tea(it.endpoint)
        name = "max-axt-invocation-daily"
        assert attributes(call, AttributeName=[name]) == {name: []}
        hang_up()


def test_commands_of_yesterday_do_not_count(tmp_path: Path) -> None:
    with cloud(tmp_path, ControlSettings(invocations_per_day=1)) as it:
        (instance_id,) = it.instances()

        async def run_on_two_days(world: World) -> None:
            await world.run(instance_id)
            world.clock.move_to(world.clock.now() + timedelta(days=1))
            await world.run(instance_id)

        it.do(run_on_two_days)
