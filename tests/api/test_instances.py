"""Operations on instances: what callers see of them, and how their power is changed."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from cloudhand.api.ecs import machine
from cloudhand.core.ids import InstanceId
from tests.api.clients import Caller, ClientError, classic, tea
from tests.api.cloud import REGION, Cloud
from tests.world import World


@pytest.fixture
def call(it: Cloud) -> Caller:
    return tea(it.endpoint)


def settled(it: Cloud, instance_ids: list[InstanceId], state: str) -> None:
    it.do(lambda world: world.until(lambda: world._all_in(instance_ids, state)))


def found(call: Caller, **wanted: Any) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = call("DescribeInstances", **wanted)["Instances"]["Instance"]
    return told


def made(it: Cloud, call: Caller, **order: Any) -> list[InstanceId]:
    ids = call("RunInstances", **order)["InstanceIdSets"]["InstanceIdSet"]
    settled(it, ids, "Running")
    return [InstanceId(one) for one in ids]


def test_new_instances_are_what_was_asked_for(it: Cloud, call: Caller) -> None:
    answer = call(
        "RunInstances",
        Amount=2,
        ImageId="aliyun_3_x64_20G",
        InstanceType="ecs.g7.large",
        ZoneId=f"{REGION}-i",
        InstanceName="web-[08,3]",
        HostName="web",
        UniqueSuffix=True,
        Description="a pair",
        UserData=base64.b64encode(b"#!/bin/sh\ntrue\n").decode(),
        DeletionProtection=True,
        ResourceGroupId="rg-1",
        Tag=[{"Key": "role", "Value": "web"}],
        SystemDisk={"Category": "cloud_essd", "Size": "40"},
        SecurityGroupIds=["sg-1"],
    )
    assert answer["TradePrice"] == 0
    ids = answer["InstanceIdSets"]["InstanceIdSet"]
    settled(it, ids, "Running")
    pair = sorted(
        found(call, InstanceIds=json.dumps(ids)), key=lambda one: str(one["InstanceName"])
    )
    assert [one["InstanceName"] for one in pair] == ["web-008", "web-009"]
    assert [one["HostName"] for one in pair] == ["web001", "web002"]
    one = pair[0]
    assert one["ZoneId"] == f"{REGION}-i"
    assert (one["InstanceType"], one["InstanceTypeFamily"]) == ("ecs.g7.large", "ecs.g7")
    assert (one["ImageId"], one["Description"]) == ("aliyun_3_x64_20G", "a pair")
    assert (one["ResourceGroupId"], one["DeletionProtection"]) == ("rg-1", True)
    assert one["Tags"]["Tag"] == [{"TagKey": "role", "TagValue": "web"}]
    assert one["CreationTime"].endswith("Z") and len(one["CreationTime"]) == len(
        "2026-01-02T03:04Z"
    )
    assert (one["Cpu"], one["Memory"]) == (machine.CPU_COUNT, machine.MEMORY_MIB)
    assert (one["OSType"], one["VpcAttributes"]["VSwitchId"]) == ("linux", machine.VSWITCH_ID)
    address = one["VpcAttributes"]["PrivateIpAddress"]["IpAddress"][0]
    assert one["NetworkInterfaces"]["NetworkInterface"][0]["PrimaryIpAddress"] == address
    assert "MetadataOptions" not in one
    stored = it.world.machine(InstanceId(ids[0])).boot
    assert stored is not None and stored.user_data == b"#!/bin/sh\ntrue\n"


def test_metadata_options_are_told_where_they_are_asked_for(it: Cloud, call: Caller) -> None:
    (instance_id,) = it.instances()
    (one,) = found(
        call, InstanceIds=json.dumps([instance_id]), AdditionalAttributes=["META_OPTIONS"]
    )
    assert one["MetadataOptions"]["HttpEndpoint"] == "disabled"


FILTERS: list[tuple[dict[str, Any], bool]] = [
    ({}, True),
    ({"InstanceName": "db-1"}, True),
    ({"InstanceName": "db*"}, True),
    ({"InstanceName": "*b-*"}, True),
    ({"InstanceName": "b-1"}, False),
    ({"Status": "Running"}, True),
    ({"Status": "Stopped"}, False),
    ({"ZoneId": f"{REGION}-h"}, True),
    ({"ZoneId": f"{REGION}-j"}, False),
    ({"ImageId": "image"}, True),
    ({"ImageId": "other"}, False),
    ({"InstanceType": "ecs.c6.large"}, True),
    ({"InstanceType": "ecs.c6"}, False),
    ({"InstanceTypeFamily": "ecs.c6"}, True),
    ({"InstanceTypeFamily": "ecs.c7"}, False),
    ({"ResourceGroupId": "rg-f"}, True),
    ({"ResourceGroupId": "rg-g"}, False),
    ({"Tag": [{"Key": "role", "Value": "db"}]}, True),
    ({"Tag": [{"Key": "role"}]}, True),
    ({"Tag": [{"Key": "role", "Value": "web"}]}, False),
    ({"Tag": [{"Key": "role", "Value": "db"}, {"Key": "no"}]}, False),
    # What is the same for every instance matches all or none.
    ({"VpcId": machine.VPC_ID}, True),
    ({"VpcId": "vpc-1"}, False),
    ({"VSwitchId": machine.VSWITCH_ID}, True),
    ({"SecurityGroupId": machine.SECURITY_GROUP_ID}, True),
    ({"SecurityGroupId": "sg-1"}, False),
    ({"InstanceNetworkType": "vpc"}, True),
    ({"InstanceNetworkType": "classic"}, False),
    ({"InstanceChargeType": "PostPaid"}, True),
    ({"InstanceChargeType": "PrePaid"}, False),
    ({"InternetChargeType": "PayByTraffic"}, True),
    ({"IoOptimized": True}, True),
    ({"IoOptimized": False}, False),
    ({"DeviceAvailable": True}, True),
    ({"DeviceAvailable": False}, False),
    ({"HttpEndpoint": "enabled"}, False),
    ({"HttpTokens": "optional"}, True),
    # What no instance has matches none.
    ({"KeyPairName": "key"}, False),
    ({"HpcClusterId": "hpc-1"}, False),
    ({"LockReason": "financial"}, False),
    ({"PublicIpAddresses": '["1.2.3.4"]'}, False),
    ({"EipAddresses": '["1.2.3.4"]'}, False),
    ({"InnerIpAddresses": '["1.2.3.4"]'}, False),
    ({"RdmaIpAddresses": '["1.2.3.4"]'}, False),
    ({"Ipv6Address": ["::1"]}, False),
    ({"PrivateIpAddresses": '["1.2.3.4"]'}, False),
]


@pytest.fixture(scope="module")
def database(it: Cloud) -> InstanceId:
    (instance_id,) = it.instances(
        1,
        instance_name="db-1",
        image_id="image",
        instance_type="ecs.c6.large",
        resource_group_id="rg-f",
        tags={"role": "db"},
    )
    return instance_id


@pytest.mark.parametrize(("wanted", "matches"), FILTERS)
def test_instances_are_filtered(
    it: Cloud, call: Caller, database: InstanceId, wanted: dict[str, Any], matches: bool
) -> None:
    shown = found(call, InstanceIds=json.dumps([database, "i-nobody"]), **wanted)
    assert [one["InstanceId"] for one in shown] == ([database] if matches else [])


def test_instances_are_found_by_address_and_by_age(
    it: Cloud, call: Caller, database: InstanceId
) -> None:
    (one,) = found(call, InstanceIds=json.dumps([database]))
    address = one["VpcAttributes"]["PrivateIpAddress"]["IpAddress"]
    assert len(found(call, PrivateIpAddresses=json.dumps(address))) == 1
    # The newer client has no class for this filter's numbered form.
    old = classic(it.endpoint)
    for moment, count in (("2020-01-01T00:00Z", 1), ("2099-01-01T00:00Z", 0)):
        given = {"Key": "CreationStartTime", "Value": moment}
        assert len(found(old, InstanceIds=json.dumps([database]), Filter=[given])) == count


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"Key": "Colour", "Value": "red"}, "InvalidFilterKey.NotFound"),
        ({"Key": "CreationStartTime", "Value": "today"}, "InvalidParameter.Filter"),
    ],
)
def test_other_filters_are_refused(it: Cloud, given: dict[str, str], code: str) -> None:
    with pytest.raises(Exception, match=code) as caught:
        classic(it.endpoint)("DescribeInstances", Filter=[given])
    assert getattr(caught.value, "code", "") == code


def test_an_empty_list_of_ids_names_no_instance(it: Cloud, call: Caller) -> None:
    it.instances()
    assert found(call, InstanceIds="[]") == []
    assert found(call, InstanceIds=str([])) == []


def test_pages_by_number_and_by_token_show_each_once(it: Cloud, call: Caller) -> None:
    ids = it.instances(12, tags={"page": "yes"})
    wanted = {"Tag": [{"Key": "page", "Value": "yes"}]}
    numbered = [
        one["InstanceId"]
        for number in (1, 2, 3)
        for one in found(call, PageSize=5, PageNumber=number, **wanted)
    ]
    first = call("DescribeInstances", MaxResults=1, **wanted)  # less than 10 counts as 10
    second = call("DescribeInstances", MaxResults=10, NextToken=first["NextToken"], **wanted)
    by_token = [
        one["InstanceId"] for page in (first, second) for one in page["Instances"]["Instance"]
    ]
    assert sorted(numbered) == sorted(by_token) == sorted(ids)
    assert (first["PageSize"], second["NextToken"]) == (10, "")


def test_the_status_of_instances(it: Cloud, call: Caller) -> None:
    ids = it.instances(2)
    told = call("DescribeInstanceStatus", InstanceId=[*ids, "i-nobody"])
    statuses = told["InstanceStatuses"]["InstanceStatus"]
    assert {one["InstanceId"]: one["Status"] for one in statuses} == dict.fromkeys(ids, "Running")
    assert told["TotalCount"] == 2


def test_regions_and_zones(it: Cloud, call: Caller) -> None:
    (region,) = tea(it.endpoint)("DescribeRegions", AcceptLanguage="en-US")["Regions"]["Region"]
    assert region == {
        "RegionId": REGION,
        "LocalName": REGION,
        "RegionEndpoint": it.endpoint,
        "Status": "available",
    }
    zones = call("DescribeZones")["Zones"]["Zone"]
    assert [zone["ZoneId"] for zone in zones] == [f"{REGION}-{letter}" for letter in "hij"]
    (resources,) = zones[0]["AvailableResources"]["ResourcesInfo"]
    assert resources["InstanceTypes"] == {"supportedInstanceType": [machine.INSTANCE_TYPE]}
    assert "AvailableResources" not in call("DescribeZones", Verbose=False)["Zones"]["Zone"][0]


@pytest.mark.parametrize("force", [False, True])
def test_one_instance_is_stopped_started_restarted_and_released(
    it: Cloud, call: Caller, force: bool
) -> None:
    ids = it.instances()
    given = {"InstanceId": ids[0]}
    assert call("StopInstance", ForceStop=force, **given).keys() == {"RequestId"}
    settled(it, ids, "Stopped")
    (one,) = found(call, InstanceIds=json.dumps(ids))
    assert (one["Status"], one["StoppedMode"]) == ("Stopped", "KeepCharging")
    call("StartInstance", **given)
    settled(it, ids, "Running")
    boots = it.world.machine(ids[0]).boots
    call("RebootInstance", ForceStop=force, **given)
    settled(it, ids, "Running")
    assert it.world.machine(ids[0]).boots == boots + 1
    call("DeleteInstance", Force=True, **given)
    it.do(lambda world: world.until(lambda: _gone(world, ids[0])))
    assert found(call, InstanceIds=json.dumps(ids)) == []


async def _gone(world: World, instance_id: InstanceId) -> bool:
    return await world.status(instance_id) is None


def test_many_instances_are_stopped_started_and_released(it: Cloud, call: Caller) -> None:
    ids = it.instances(2)

    def told(answer: dict[str, Any]) -> set[tuple[str, ...]]:
        names = ("Code", "Message", "PreviousStatus", "CurrentStatus")
        responses = answer["InstanceResponses"]["InstanceResponse"]
        return {tuple(str(one[name]) for name in names) for one in responses}

    stopping = call("StopInstances", InstanceId=ids, StoppedMode="StopCharging")
    assert told(stopping) == {("200", "success", "Running", "Stopping")}
    settled(it, ids, "Stopped")
    assert told(call("StartInstances", InstanceId=ids)) == {
        ("200", "success", "Stopped", "Starting")
    }
    settled(it, ids, "Running")
    token = {"ClientToken": "release-once"}
    for _ in range(2):  # the token makes the second a repetition of the first
        assert call("DeleteInstances", InstanceId=ids, Force=True, **token).keys() == {"RequestId"}


@pytest.mark.parametrize("action", ["StartInstances", "StopInstances", "RebootInstances"])
def test_success_first_changes_what_it_can(it: Cloud, call: Caller, action: str) -> None:
    ids = it.instances(2)
    call("StopInstances", InstanceId=[ids[0]])
    settled(it, [ids[0]], "Stopped")
    good, wrong = (ids[0], ids[1]) if action == "StartInstances" else (ids[1], ids[0])
    answer = call(action, InstanceId=[good, wrong, "i-nobody"], BatchOptimization="SuccessFirst")
    codes = {
        one["InstanceId"]: (one["Code"], one["CurrentStatus"] != "")
        for one in answer["InstanceResponses"]["InstanceResponse"]
    }
    assert codes == {
        good: ("200", True),
        wrong: ("IncorrectInstanceStatus", False),
        "i-nobody": ("InvalidInstanceId.NotFound", False),
    }


def test_all_together_changes_nothing_if_one_is_wrong(it: Cloud, call: Caller) -> None:
    (instance_id,) = it.instances()
    with pytest.raises(Exception, match="NotFound"):
        call("StopInstances", InstanceId=[instance_id, "i-nobody"])
    (one,) = found(call, InstanceIds=json.dumps([instance_id]))
    assert one["Status"] == "Running"


def test_instances_made_without_a_word_have_the_first_zone(it: Cloud, call: Caller) -> None:
    ids = made(it, call)
    (one,) = found(call, InstanceIds=json.dumps(ids))
    assert one["ZoneId"] == f"{REGION}-h"
    assert (one["ImageId"], one["InstanceType"]) == (machine.IMAGE_ID, machine.INSTANCE_TYPE)
    assert one["InstanceName"] == ids[0]


# What means nothing for a sandbox.
IGNORED: dict[str, Any] = {
    "ImageFamily": "acs:debian",
    "SystemDisk": {"Size": 20},
    "DataDisk": [{"Size": 20}],
    "StorageSetId": "ss-1",
    "StorageSetPartitionNumber": 2,
    "IoOptimized": "optimized",
    "VSwitchId": "vsw-1",
    "PrivateIpAddress": "172.16.0.99",
    "InternetMaxBandwidthIn": 5,
    "InternetMaxBandwidthOut": 5,
    "SecurityGroupId": "sg-1",
    "InstanceChargeType": "PostPaid",
    "InternetChargeType": "PayByTraffic",
    "Period": 1,
    "PeriodUnit": "Month",
    "AutoRenew": True,
    "AutoRenewPeriod": 1,
    "SpotStrategy": "NoSpot",
    "SpotDuration": 1,
    "SpotPriceLimit": 0.5,
    "SpotInterruptionBehavior": "Terminate",
    "Password": "hush",
    "PasswordInherit": True,
    "KeyPairName": "mine",
    "DedicatedHostId": "dh-1",
    "ManagedHostId": "mh-1",
    "Affinity": "host",
    "Tenancy": "host",
    "PrivatePoolOptions": {"MatchCriteria": "Open"},
    "HpcClusterId": "hpc-1",
    "DeploymentSetId": "ds-1",
    "DeploymentSetGroupNo": 1,
    "CreditSpecification": "Standard",
    "HibernationOptions": {"Configured": True},
    "HttpEndpoint": "enabled",
    "HttpTokens": "required",
    "HttpPutResponseHopLimit": 1,
    "RamRoleName": "helper",
    "Arn": [{"Rolearn": "acs:ram::1:role/helper"}],
    "SecurityEnhancementStrategy": "Active",
}
OF_MANY: dict[str, Any] = {
    "SecurityGroupIds": ["sg-1"],
    "AutoPay": True,
    "NetworkInterface": [{"VSwitchId": "vsw-1"}],
    "NetworkInterfaceQueueNumber": 2,
    "NetworkOptions": {"EnableJumboFrame": False},
    "PrivateDnsNameOptions": {"HostnameType": "Custom"},
    "Ipv6Address": ["::1"],
    "Ipv6AddressCount": 1,
    "Isp": "BGP",
    "CpuOptions": {"Core": 2},
    "ClockOptions": {"PtpStatus": "disabled"},
    "ImageOptions": {"LoginAsNonRoot": True},
    "SchedulerOptions": {"DedicatedHostClusterId": "dc-1"},
    "SecurityOptions": {"TrustedSystemMode": "vTPM"},
}
GIVEN_UP: dict[str, Any] = {
    "ClusterId": "c-1",
    "InnerIpAddress": "10.0.0.1",
    "NodeControllerId": "nc-1",
    "UseAdditionalService": True,
    "VlanId": "1",
}


def _stopped(it: Cloud) -> InstanceId:
    (made,) = it.instances()

    async def stop(world: World) -> None:
        await world.control.instances.stop([made], force=True, together=True)
        await world.until(lambda: world._all_in([made], "Stopped"))

    it.do(stop)
    return made


@pytest.mark.parametrize(
    ("action", "given", "more"),
    [
        ("DescribeInstanceStatus", {}, {"ClusterId": "c-1"}),
        ("DescribeTags", {}, {"Category": "all"}),
        ("StartInstance", {"InstanceId": "<stopped>"}, {"InitLocalDisk": True}),
        ("StopInstance", {"InstanceId": "<running>"}, {"ConfirmStop": True}),
        ("DeleteInstance", {"InstanceId": "<stopped>"}, {"TerminateSubscription": True}),
        ("DeleteInstances", {"InstanceId": ["<stopped>"]}, {"TerminateSubscription": True}),
        ("DescribeInstances", {}, {"NeedSaleCycle": True, "HttpPutResponseHopLimit": 1}),
        ("RunInstances", {"DryRun": True}, {**IGNORED, **OF_MANY}),
        ("CreateInstance", {"DryRun": True}, {**IGNORED, **GIVEN_UP}),
        (
            "ModifyInstanceAttribute",
            {"InstanceId": "<stopped>"},
            {
                "Password": "Secret-1",
                "SecurityGroupIds": ["sg-1"],
                "CreditSpecification": "Standard",
                "Recyclable": True,
                "EnableJumboFrame": False,
            },
        ),
    ],
)
def test_what_has_no_effect_changes_nothing(
    it: Cloud, action: str, given: dict[str, Any], more: dict[str, Any]
) -> None:
    def told(**values: Any) -> Any:
        try:
            answer = tea(it.endpoint)(action, **{name: fresh(v) for name, v in values.items()})
        except ClientError as error:  # a dry run ends with one
            return error.code, error.status
        return {**answer, "RequestId": ""}

    def fresh(value: Any) -> Any:
        """With an instance of its own for each time."""
        match value:
            case "<stopped>":
                return _stopped(it)
            case "<running>":
                return it.instances()[0]
            case [one]:
                return [fresh(one)]
        return value

    assert told(**given, **more) == told(**given)


def test_instances_are_stopped_gently_or_not(it: Cloud) -> None:
    for force in (False, True):
        (instance_id,) = it.instances()
        call = tea(it.endpoint)
        asked = call("StopInstances", InstanceId=[instance_id], ForceStop=force)
        (told,) = asked["InstanceResponses"]["InstanceResponse"]
        assert (told["Code"], told["CurrentStatus"]) == ("200", "Stopping")
