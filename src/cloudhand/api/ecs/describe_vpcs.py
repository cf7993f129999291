"""DescribeVpcs: the one network, which all instances are in."""

from __future__ import annotations

from dataclasses import dataclass

from cloudhand.api.ecs import fields, network
from cloudhand.api.ecs.network import VpcsPage
from cloudhand.api.ecs.product import ECS
from cloudhand.api.operation import Call, operation
from cloudhand.api.paging import Paging, numbered


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    fits: bool = fields.constants(network.VPC)
    page: Paging = numbered()


@operation(ECS, access="read")
async def describe_vpcs(call: Call, params: Params) -> VpcsPage:
    return network.vpcs_page(call.control.settings, params.page, fits=params.fits)
