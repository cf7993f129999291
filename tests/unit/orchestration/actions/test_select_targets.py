"""Which instances filters describe."""

from __future__ import annotations

from typing import Any

import pytest

from cloudhand.orchestration.action import Again, Done, Failed, Outcome, Reply
from tests.unit.orchestration.looks import looks


def answer(*ids: str) -> dict[str, Any]:
    return {"Instances": {"Instance": [{"InstanceId": one, "OSType": "linux"} for one in ids]}}


def found(outcome: Outcome) -> list[str]:
    assert isinstance(outcome, Done)
    items = outcome.document["Instances"]["Instance"]
    assert outcome.document["TotalCount"] == len(items)
    return [item["InstanceId"] for item in items]


@pytest.mark.parametrize(
    ("filters", "sent"),
    [
        ([{"Type": "ResourceIds", "ResourceIds": ["i-1"]}], {"InstanceIds": ["i-1"]}),
        ([{"type": "resourceids", "resourceIds": "i-1"}], {"InstanceIds": ["i-1"]}),
        ([{"ResourceIds": ["i-1", "", None]}], {"InstanceIds": ["i-1"]}),
        ({"ResourceIds": ["i-1"]}, {"InstanceIds": ["i-1"]}),
        ('[{"ResourceIds": ["i-1"]}]', {"InstanceIds": ["i-1"]}),
        (
            [{"Type": "Tags", "Tags": [{"Key": "a", "Value": "b"}]}],
            {"Tags": [{"Key": "a", "Value": "b"}]},
        ),
        ([{"Tags": {"a": "b"}}], {"Tags": [{"Key": "a", "Value": "b"}]}),
        ([{"Type": "ResourceGroup", "ResourceGroupId": "rg"}], {"ResourceGroupId": "rg"}),
        ([{"ResourceGroupId": "rg"}], {"ResourceGroupId": "rg"}),
        ([{"Type": "All"}], {}),
        ([{"Type": "All", "RegionId": "cn-beijing"}], {"RegionId": "cn-beijing"}),
    ],
)
async def test_what_is_asked(filters: Any, sent: dict[str, Any]) -> None:
    given = {"ResourceType": "ALIYUN::ECS::Instance", "Filters": filters}
    async with looks("ACS::SelectTargets", given, replies=[answer("i-1")]) as it:
        assert found(await it.look()) == ["i-1"]
    assert it.called == [("ECS", "DescribeInstances", {"RegionId": "cn-hangzhou"} | sent, "", True)]


async def test_the_region_of_the_task_comes_before_that_of_the_execution() -> None:
    given = {"ResourceType": "aliyun::ecs::instance", "Filters": [{"Type": "All"}]}
    async with looks("ACS::SelectTargets", given | {"RegionId": "x"}, replies=[answer()]) as it:
        assert found(await it.look()) == []
    assert it.called[0][2] == {"RegionId": "x"}


async def test_instances_come_in_the_order_in_which_they_are_named() -> None:
    filters = [{"ResourceIds": ["i-3", "i-1", "i-2"]}]
    given = {"ResourceType": "ALIYUN::ECS::Instance", "Filters": filters}
    async with looks("ACS::SelectTargets", given, replies=[answer("i-1", "i-3")]) as it:
        assert found(await it.look()) == ["i-3", "i-1"]  # i-2 is no more


async def test_an_instance_that_is_named_twice_is_asked_for_once_and_stays_in_its_first_place() -> (
    None
):
    filters = [{"ResourceIds": ["i-2", "i-1", "i-2"]}]
    given = {"ResourceType": "ALIYUN::ECS::Instance", "Filters": filters}
    async with looks("ACS::SelectTargets", given, replies=[answer("i-1", "i-2")]) as it:
        assert found(await it.look()) == ["i-2", "i-1"]
    assert it.called[0][2]["InstanceIds"] == ["i-2", "i-1"]


async def test_an_instance_that_two_filters_describe_comes_once() -> None:
    filters = [{"ResourceIds": ["i-1"]}, {"Tags": {"a": "b"}}]
    given = {"ResourceType": "ALIYUN::ECS::Instance", "Filters": filters}
    replies = [answer("i-1"), answer("i-2", "i-1")]
    async with looks("ACS::SelectTargets", given, replies=replies) as it:
        assert found(await it.look()) == ["i-1", "i-2"]


async def test_many_ids_are_asked_for_in_parts() -> None:
    ids = [f"i-{n}" for n in range(250)]
    given = {"ResourceType": "ALIYUN::ECS::Instance", "Filters": [{"ResourceIds": ids}]}
    replies = [answer(*ids[:100]), answer(*ids[100:200]), answer(*ids[200:])]
    async with looks("ACS::SelectTargets", given, replies=replies) as it:
        assert found(await it.look()) == ids
    assert [len(sent["InstanceIds"]) for _, _, sent, *_ in it.called] == [100, 100, 50]


@pytest.mark.parametrize("one", [{"ResourceIds": []}, {"Type": "ResourceIds"}])
async def test_no_ids_are_no_instances(one: dict[str, Any]) -> None:
    given = {"ResourceType": "ALIYUN::ECS::Instance", "Filters": [one]}
    async with looks("ACS::SelectTargets", given) as it:
        assert found(await it.look()) == []
        assert it.called == []


async def test_managed_instances() -> None:
    given = {"ResourceType": "ALIYUN::ECS::ManagedInstance", "Filters": [{"ResourceIds": ["mi-1"]}]}
    replies = [{"Instances": [{"InstanceId": "mi-1"}]}]
    async with looks("ACS::SelectTargets", given, replies=replies) as it:
        assert await it.look() == Done({"Instances": [{"InstanceId": "mi-1"}], "TotalCount": 1})
    assert it.called[0][1:3] == (
        "DescribeManagedInstances",
        {"RegionId": "cn-hangzhou", "InstanceId": ["mi-1"]},
    )


@pytest.mark.parametrize(
    ("kind", "filters", "code", "told"),
    [
        ("ALIYUN::RDS::Instance", [], "UnsupportedResourceType", "ALIYUN::RDS::Instance is not"),
        ("ALIYUN::ECS::Instance", ["i-1"], "InvalidFilter", '"i-1" is no filter like'),
        ("ALIYUN::ECS::Instance", [{"Type": "CSV"}], "InvalidFilter", '"CSV" is none of'),
        ("ALIYUN::ECS::Instance", [{}], "InvalidFilter", '"" is none of'),
        ("ALIYUN::ECS::Instance", [{"Type": "Tags"}], "InvalidFilter", "has no Tags"),
        ("ALIYUN::ECS::Instance", [{"Type": "ResourceGroup"}], "InvalidFilter", "ResourceGroupId"),
    ],
)
async def test_what_is_no_filter(kind: str, filters: list[Any], code: str, told: str) -> None:
    given = {"ResourceType": kind, "Filters": filters}
    async with looks("ACS::SelectTargets", given) as it:
        outcome = await it.look()
    assert isinstance(outcome, Failed)
    assert outcome.code == code
    assert told in outcome.message


async def test_a_refusal_fails_and_what_passes_is_asked_again() -> None:
    given = {"ResourceType": "ALIYUN::ECS::Instance", "Filters": [{"Type": "All"}]}
    busy = Reply(body={"Code": "Throttling"}, refused=True, transient=True)
    no = Reply(body={"Code": "Forbidden", "Message": "m"}, refused=True)
    async with looks("ACS::SelectTargets", given, replies=[busy, no]) as it:
        assert isinstance(await it.look(), Again)
        assert await it.look() == Failed("Forbidden", "m")
