"""DescribeVpcs: the one network, which all instances are in."""

from __future__ import annotations

from dataclasses import dataclass

from cloudhand.api.ecs import fields, network
from cloudhand.api.ecs.network import Vpcs, VpcsPage
from cloudhand.api.operation import Call, operation
from cloudhand.api.paging import Paging, cut, numbered
from cloudhand.api.vpc.product import VPC


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    fits: bool = fields.constants(network.VPC | network.NAMED_VPC)
    untagged: bool = fields.no_tags()
    page: Paging = numbered()


@operation(VPC, access="read")
async def describe_vpcs(call: Call, params: Params) -> VpcsPage:
    found = cut(
        [network.vpc(call.control.settings)] if params.fits and params.untagged else [],
        params.page.window,
    )
    return VpcsPage(
        vpcs=Vpcs(vpc=found.items),
        total_count=found.total,
        page_number=params.page.number,
        page_size=params.page.size,
    )
