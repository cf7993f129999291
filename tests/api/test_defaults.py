"""What is here without anybody having made it: a network, a group, an image, a type."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cloudhand.api.ecs import describe_instance_types, machine
from tests.api.clients import CALLERS, Caller, Sdk, classic
from tests.api.cloud import REGION, Cloud

VPC = Sdk("Vpc", "2016-04-28", None, None)


@pytest.fixture(params=["tea", "classic"])
def call(it: Cloud, request: pytest.FixtureRequest) -> Caller:
    return CALLERS[request.param](it.endpoint)


def listed(call: Caller, action: str, **wanted: Any) -> list[dict[str, Any]]:
    """The items of a list, which stands two names deep in the answer."""
    answer = call(action, **wanted)
    (outer,) = (one for one in answer.values() if isinstance(one, dict))
    (items,) = outer.values()
    assert answer.get("TotalCount", len(items)) == len(items) or wanted["PageNumber"] > 1
    return list(items)


def test_an_instance_is_in_what_is_told(it: Cloud, call: Caller) -> None:
    (made,) = it.instances(image_id=machine.IMAGE_ID, instance_type=machine.INSTANCE_TYPE)
    (one,) = listed(call, "DescribeInstances", InstanceIds=json.dumps([made]))
    (vpc,) = listed(call, "DescribeVpcs", VpcId=one["VpcAttributes"]["VpcId"])
    (switch,) = listed(call, "DescribeVSwitches", VSwitchId=one["VpcAttributes"]["VSwitchId"])
    (group_id,) = one["SecurityGroupIds"]["SecurityGroupId"]
    (group,) = listed(call, "DescribeSecurityGroups", SecurityGroupId=group_id)
    (image,) = listed(call, "DescribeImages", ImageId=one["ImageId"])
    (kind,) = listed(call, "DescribeInstanceTypes", InstanceTypes=[one["InstanceType"]])
    assert vpc["VSwitchIds"]["VSwitchId"] == [switch["VSwitchId"]]
    assert {vpc["VpcId"]} == {switch["VpcId"], group["VpcId"]}
    assert image["OSName"] == one["OSName"]
    assert (kind["CpuCoreCount"], kind["MemorySize"] * 1024) == (one["Cpu"], one["Memory"])
    families = listed(call, "DescribeInstanceTypeFamilies")
    assert [one["InstanceTypeFamilyId"] for one in families] == [kind["InstanceTypeFamily"]]
    assert listed(call, "DescribeDisks", InstanceId=made) == []


def test_what_is_told_can_be_asked_for(it: Cloud, call: Caller) -> None:
    zones = listed(call, "DescribeAvailableResource", DestinationResource="InstanceType")
    (kind,) = listed(call, "DescribeInstanceTypes")
    (image,) = listed(call, "DescribeImages")
    (switch,) = listed(call, "DescribeVSwitches")
    (resource,) = zones[0]["AvailableResources"]["AvailableResource"]
    (supported,) = resource["SupportedResources"]["SupportedResource"]
    assert (supported["Value"], supported["Status"]) == (kind["InstanceTypeId"], "Available")
    made = call(
        "CreateInstance",
        ZoneId=zones[0]["ZoneId"],
        InstanceType=kind["InstanceTypeId"],
        ImageId=image["ImageId"],
        VSwitchId=switch["VSwitchId"],
    )["InstanceId"]
    it.do(lambda world: world.until(lambda: world._all_in([made], "Stopped")))


def test_any_image_and_any_type_is_told_under_the_name_that_is_asked_for(call: Caller) -> None:
    images = listed(call, "DescribeImages", ImageId="ubuntu_24, debian_12")
    assert [one["ImageId"] for one in images] == ["ubuntu_24", "debian_12"]
    types = listed(call, "DescribeInstanceTypes", InstanceTypes=["ecs.g7.large", "ecs.c6.large"])
    assert [one["InstanceTypeFamily"] for one in types] == ["ecs.g7", "ecs.c6"]
    asked = {"DestinationResource": "InstanceType", "InstanceType": "ecs.g7.large"}
    zone, *_ = listed(call, "DescribeAvailableResource", **asked)
    assert "ecs.g7.large" in str(zone)


FILTERS: list[tuple[str, dict[str, Any], int]] = [
    ("DescribeVpcs", {"IsDefault": True}, 1),
    ("DescribeVpcs", {"IsDefault": False}, 0),
    ("DescribeVpcs", {"VpcId": "vpc-1"}, 0),
    ("DescribeVpcs", {"PageNumber": 2, "PageSize": 50}, 0),
    ("DescribeVSwitches", {"VpcId": machine.VPC_ID}, 1),
    ("DescribeVSwitches", {"VpcId": "vpc-1"}, 0),
    ("DescribeVSwitches", {"ZoneId": f"{REGION}-h"}, 1),
    ("DescribeVSwitches", {"ZoneId": f"{REGION}-j"}, 0),
    ("DescribeVSwitches", {"IsDefault": True, "PageNumber": 1, "PageSize": 10}, 1),
    ("DescribeSecurityGroups", {"SecurityGroupIds": f'["{machine.SECURITY_GROUP_ID}"]'}, 1),
    ("DescribeSecurityGroups", {"SecurityGroupIds": '["sg-1"]'}, 0),
    ("DescribeSecurityGroups", {"SecurityGroupName": machine.NAME, "FuzzyQuery": True}, 1),
    ("DescribeSecurityGroups", {"SecurityGroupType": "enterprise"}, 0),
    ("DescribeSecurityGroups", {"NetworkType": "vpc", "VpcId": machine.VPC_ID}, 1),
    ("DescribeSecurityGroups", {"ServiceManaged": True}, 0),
    ("DescribeSecurityGroups", {"ResourceGroupId": "rg-1"}, 0),
    ("DescribeSecurityGroups", {"Tag": [{"Key": "k"}]}, 0),
    ("DescribeSecurityGroups", {"MaxResults": 10}, 1),
    ("DescribeImages", {"OSType": "linux", "ImageOwnerAlias": "system"}, 1),
    ("DescribeImages", {"OSType": "windows"}, 0),
    ("DescribeImages", {"ImageOwnerAlias": "self"}, 0),
    ("DescribeImages", {"ImageOwnerId": 1}, 0),
    ("DescribeImages", {"ImageName": machine.IMAGE_ID[2:5]}, 1),
    ("DescribeImages", {"ImageName": "windows"}, 0),
    ("DescribeImages", {"Status": "Creating,Available"}, 1),
    ("DescribeImages", {"Status": "ALL", "PageNumber": 1, "PageSize": 100}, 1),
    ("DescribeImages", {"Status": "Creating"}, 0),
    ("DescribeImages", {"Architecture": machine.ARCHITECTURE}, 1),
    ("DescribeImages", {"Architecture": "i386"}, 0),
    ("DescribeImages", {"ImageFamily": "acs:debian"}, 0),
    ("DescribeImages", {"IsPublic": True}, 0),
    ("DescribeImages", {"IsSupportCloudinit": True}, 0),
    ("DescribeImages", {"IsSupportIoOptimized": True, "Usable": True}, 1),
    ("DescribeImages", {"SnapshotId": "s-1"}, 0),
    ("DescribeImages", {"ResourceGroupId": "rg-1"}, 0),
    ("DescribeImages", {"Tag": [{"Key": "k", "Value": "v"}]}, 0),
    (
        "DescribeImages",
        {"InstanceType": "t", "ActionType": "ChangeOS", "ShowExpired": True, "Usage": "none"},
        1,
    ),
    ("DescribeInstanceTypeFamilies", {"Generation": "ecs-5"}, 0),
    ("DescribeInstanceTypes", {"InstanceTypeFamily": "ecs.cloudhand"}, 1),
    ("DescribeInstanceTypes", {"InstanceTypeFamilies": ["ecs.c6", "ecs.cloudhand"]}, 1),
    ("DescribeInstanceTypes", {"InstanceTypeFamily": "ecs.c6"}, 0),
    ("DescribeInstanceTypes", {"MaxResults": 5, "NextToken": "1"}, 0),
    ("DescribeInstanceTypes", {"AdditionalAttributes": ["NetworkInfo"]}, 1),
    *(("DescribeInstanceTypes", {name: "other"}, 0) for name in describe_instance_types.KNOWN),
    *(
        ("DescribeInstanceTypes", {f"Minimum{name}": bound}, count)
        for name in describe_instance_types.MINIMA
        for bound, count in ((0, 1), (10**6, 0))
    ),
    *(
        ("DescribeInstanceTypes", {f"Maximum{name}": 10**6}, 1)
        for name in describe_instance_types.MAXIMA
    ),
    ("DescribeInstanceTypes", {"MaximumMemorySize": 0.001}, 0),
    ("DescribeAvailableResource", {"DestinationResource": "Zone"}, 3),
    ("DescribeAvailableResource", {"DestinationResource": "Zone", "ZoneId": f"{REGION}-i"}, 1),
    ("DescribeAvailableResource", {"DestinationResource": "Network", "NetworkCategory": "vpc"}, 3),
    ("DescribeAvailableResource", {"DestinationResource": "IoOptimized", "IoOptimized": "none"}, 0),
    ("DescribeAvailableResource", {"DestinationResource": "Zone", "ResourceType": "disk"}, 0),
    ("DescribeAvailableResource", {"DestinationResource": "ddh", "DedicatedHostId": "dh-1"}, 0),
    ("DescribeAvailableResource", {"DestinationResource": "InstanceType", "Cores": 10**6}, 0),
    (
        "DescribeAvailableResource",
        {
            "DestinationResource": "InstanceType",
            "Memory": 1.0,
            "InstanceChargeType": "PrePaid",
            "SpotStrategy": "NoSpot",
            "SpotDuration": 1,
            "Scope": "Region",
            "SystemDiskCategory": "cloud",
            "DataDiskCategory": "cloud",
        },
        3,
    ),
]


@pytest.mark.parametrize(("action", "wanted", "count"), FILTERS)
def test_filters_find_what_is_here_or_nothing(
    it: Cloud, action: str, wanted: dict[str, Any], count: int
) -> None:
    assert len(listed(classic(it.endpoint), action, **wanted)) == count


def test_no_filter_finds_a_disk(it: Cloud) -> None:
    wanted: dict[str, Any] = {
        "DiskIds": '["d-1"]',
        "Tag": [{"Key": "k"}],
        "Filter": [{"Key": "CreationStartTime", "Value": "2026-01-01T00:00Z"}],
        "AdditionalAttributes": ["IOPS"],
    }
    texts = (
        *("DiskName", "DiskType", "DiskChargeType", "Category", "Status", "PerformanceLevel"),
        *("KMSKeyId", "MultiAttach", "LockReason", "SnapshotId", "AutoSnapshotPolicyId"),
        *("ZoneId", "ResourceGroupId"),
    )
    flags = (
        *("Portable", "Encrypted", "EnableShared", "EnableAutoSnapshot", "DeleteAutoSnapshot"),
        *("EnableAutomatedSnapshotPolicy", "DeleteWithInstance"),
    )
    wanted |= dict.fromkeys(texts, "x") | dict.fromkeys(flags, True)
    assert listed(classic(it.endpoint), "DescribeDisks", **wanted) == []


def test_the_group_lets_everything_through(it: Cloud, call: Caller) -> None:
    def rules(**wanted: Any) -> list[str]:
        told = call(
            "DescribeSecurityGroupAttribute", SecurityGroupId=machine.SECURITY_GROUP_ID, **wanted
        )
        permissions = told["Permissions"]["Permission"]
        assert {one["Policy"] for one in permissions} == {"Accept"}
        return [one["Direction"] for one in permissions]

    assert rules() == ["ingress", "egress"]
    assert rules(Direction="egress", NicType="intranet", Attribute="snapshotPolicyIds") == [
        "egress"
    ]
    assert rules(MaxResults=10, NextToken="") == ["ingress", "egress"]


def test_a_group_counts_its_instances_where_it_is_asked_to(it: Cloud, call: Caller) -> None:
    it.instances()
    (plain,) = listed(call, "DescribeSecurityGroups")
    assert plain["EcsCount"] == 0
    (counted,) = listed(call, "DescribeSecurityGroups", IsQueryEcsCount=True)
    assert counted["EcsCount"] >= 1
    limit = it.world.settings.instances_limit
    assert counted["EcsCount"] + counted["AvailableInstanceAmount"] == limit


@pytest.mark.parametrize(
    ("action", "wanted", "count"),
    [
        ("DescribeVpcs", {"VpcId": machine.VPC_ID, "VpcName": machine.NAME, "IsDefault": True}, 1),
        ("DescribeVpcs", {"EnableIpv6": True}, 0),
        ("DescribeVpcs", {"ResourceGroupId": "rg-1"}, 0),
        ("DescribeVpcs", {"DhcpOptionsSetId": "d-1"}, 0),
        ("DescribeVpcs", {"Tag": [{"Key": "k"}]}, 0),
        ("DescribeVpcs", {"PageNumber": 1, "PageSize": 50}, 1),
        ("DescribeVSwitches", {"VSwitchName": machine.NAME, "VpcId": machine.VPC_ID}, 1),
        ("DescribeVSwitches", {"VSwitchId": "vsw-1"}, 0),
        ("DescribeVSwitches", {"ZoneId": f"{REGION}-h", "IsDefault": True}, 1),
        ("DescribeVSwitches", {"EnableIpv6": True}, 0),
        ("DescribeVSwitches", {"ResourceGroupId": "rg-1"}, 0),
        ("DescribeVSwitches", {"RouteTableId": "vtb-1"}, 0),
        ("DescribeVSwitches", {"Tag": [{"Key": "k"}], "PageNumber": 1, "PageSize": 9}, 0),
    ],
)
def test_the_product_of_networks_tells_the_same(
    it: Cloud, action: str, wanted: dict[str, Any], count: int
) -> None:
    """And more, which that product alone has."""
    found = listed(classic(it.endpoint, sdk=VPC), action, **wanted)
    told = listed(classic(it.endpoint), action)[:count]
    assert [
        {name: one[name] for name in like} for one, like in zip(found, told, strict=True)
    ] == told
