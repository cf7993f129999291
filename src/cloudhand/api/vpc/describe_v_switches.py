"""DescribeVSwitches: the one switch of the one network. Its zone is the first one."""

from __future__ import annotations

from dataclasses import dataclass

from cloudhand.api.bind import text
from cloudhand.api.ecs import fields, network
from cloudhand.api.ecs.network import VSwitchesPage
from cloudhand.api.operation import Call, operation
from cloudhand.api.paging import Paging, numbered
from cloudhand.api.vpc.product import VPC


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    zone_id: str = text()
    fits: bool = fields.constants(network.VSWITCH | network.NAMED_VSWITCH)
    untagged: bool = fields.no_tags()
    page: Paging = numbered()


@operation(VPC, access="read")
async def describe_v_switches(call: Call, params: Params) -> VSwitchesPage:
    return network.vswitches_page(
        call.control.settings,
        params.page,
        zone_id=params.zone_id,
        fits=params.fits and params.untagged,
    )
