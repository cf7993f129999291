"""DescribeVSwitches: the one switch of the one network. Its zone is the first one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from cloudhand.api import bind
from cloudhand.api.bind import text
from cloudhand.api.ecs import fields, network
from cloudhand.api.ecs.shapes import Tags
from cloudhand.api.operation import Call, operation
from cloudhand.api.paging import Paging, cut, numbered
from cloudhand.api.vpc.product import VPC


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    zone_id: str = text()
    fits: bool = fields.constants(network.VSWITCH | network.NAMED_VSWITCH)
    untagged: bool = fields.no_tags()
    unasked: str = bind.without_effect(
        "VSwitchOwnerId", "a switch is that of whoever asks, who is told it in any case", "DryRun"
    )
    page: Paging = numbered()


class RouteTable(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    route_table_id: str = ""
    route_table_type: str = "System"


class VSwitchShape(network.VSwitch, frozen=True, kw_only=True, rename="pascal"):
    owner_id: int
    enabled_ipv6: bool = False
    ipv6_cidr_block: str = ""
    network_acl_id: str = ""
    route_table: RouteTable = RouteTable()
    share_type: str = ""
    tags: Tags = Tags(tag=())


class VSwitches(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    v_switch: Sequence[VSwitchShape]


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    v_switches: VSwitches
    total_count: int
    page_number: int
    page_size: int


@operation(VPC, access="read")
async def describe_v_switches(call: Call, params: Params) -> Result:
    settings = call.control.settings
    one = VSwitchShape(
        zone_id=settings.zone_ids[0],
        available_ip_address_count=settings.instances_limit,
        owner_id=int(call.caller.account_id),
    )
    fits = params.fits and params.untagged and params.zone_id in ("", one.zone_id)
    found = cut([one] if fits else [], params.page.window)
    return Result(
        v_switches=VSwitches(v_switch=found.items),
        total_count=found.total,
        page_number=params.page.number,
        page_size=params.page.size,
    )
