"""DescribeSecurityGroups: the one group, which all instances are in, and which filters nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from msgspec import field

from cloudhand.api import bind
from cloudhand.api.bind import flag, json_list
from cloudhand.api.ecs import errors, fields, machine, shapes
from cloudhand.api.ecs.product import ECS
from cloudhand.api.operation import Call, operation
from cloudhand.api.paging import Paging, cut, paging
from cloudhand.api.refusal import Refused, invalid
from cloudhand.core.orders import InstanceFilter
from cloudhand.core.page import Window

_KNOWN = {
    "SecurityGroupId": machine.SECURITY_GROUP_ID,
    "SecurityGroupName": machine.NAME,
    "SecurityGroupType": "normal",
    "NetworkType": machine.CONSTANTS["InstanceNetworkType"],
    "VpcId": machine.VPC_ID,
    "ServiceManaged": "false",
    "ResourceGroupId": "",
}


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    ids: tuple[str, ...] | None = json_list(
        "SecurityGroupIds",
        at_most=100,
        malformed=invalid("SecurityGroupIds"),
        too_many=invalid("SecurityGroupIds", "has more than 100 items"),
    )
    fits: bool = fields.constants(_KNOWN)
    untagged: bool = fields.no_tags()
    with_count: bool = flag("IsQueryEcsCount", note="EcsCount and AvailableInstanceAmount are told")
    fuzzy: str = bind.without_effect("FuzzyQuery", "the real service has given it up")
    dry_run: bool = flag()
    page: Paging = paging(page_size=100, max_results=100)


class SecurityGroup(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    security_group_id: str = machine.SECURITY_GROUP_ID
    security_group_name: str = machine.NAME
    security_group_type: str = _KNOWN["SecurityGroupType"]
    description: str = "Nothing is filtered"
    vpc_id: str = machine.VPC_ID
    creation_time: str = machine.SINCE
    resource_group_id: str = ""
    ecs_count: int = 0
    available_instance_amount: int = 0
    rule_count: int = 2
    group_to_group_rule_count: int = 0
    service_id: int = field(default=0, name="ServiceID")
    service_managed: bool = False
    tags: shapes.Tags = shapes.Tags(tag=())


class SecurityGroups(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    security_group: Sequence[SecurityGroup]


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    region_id: str
    total_count: int
    page_number: int
    page_size: int
    next_token: str
    security_groups: SecurityGroups


@operation(ECS, access="read", refuses=(errors.DRY_RUN,))
async def describe_security_groups(call: Call, params: Params) -> Result:
    if params.dry_run:
        raise Refused(errors.DRY_RUN)
    fits = params.fits and params.untagged
    if params.ids is not None:
        fits = fits and machine.SECURITY_GROUP_ID in params.ids
    group = await _counted(call) if params.with_count else SecurityGroup()
    found = cut([group] if fits else [], params.page.window)
    return Result(
        region_id=params.region_id,
        total_count=found.total,
        page_number=params.page.number,
        page_size=params.page.size,
        next_token=params.page.next_token(found),
        security_groups=SecurityGroups(security_group=found.items),
    )


async def _counted(call: Call) -> SecurityGroup:
    count = (await call.control.instances.find(InstanceFilter(), Window(limit=1))).total
    left = call.control.settings.instances_limit - count
    return SecurityGroup(ecs_count=count, available_instance_amount=left)
