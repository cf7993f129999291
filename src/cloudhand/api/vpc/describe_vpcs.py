"""DescribeVpcs: the one network, which all instances are in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from cloudhand.api import bind
from cloudhand.api.ecs import fields, network
from cloudhand.api.ecs.shapes import Tags
from cloudhand.api.operation import Call, operation
from cloudhand.api.paging import Paging, cut, numbered
from cloudhand.api.vpc.product import VPC


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    fits: bool = fields.constants(network.VPC | network.NAMED_VPC)
    untagged: bool = fields.no_tags()
    unasked: str = bind.without_effect(
        "VpcOwnerId", "a network is that of whoever asks, who is told it in any case", "DryRun"
    )
    page: Paging = numbered()


class Ipv6CidrBlocks(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    ipv6_cidr_block: Sequence[str] = ()


class NatGatewayIds(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    nat_gateway_ids: Sequence[str] = ()


class RouterTableIds(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    router_table_ids: Sequence[str] = ()


class SecondaryCidrBlocks(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    secondary_cidr_block: Sequence[str] = ()


class VpcShape(network.Vpc, frozen=True, kw_only=True, rename="pascal"):
    owner_id: int
    resource_group_id: str = ""
    cen_status: str = "Detached"
    dhcp_options_set_id: str = ""
    dhcp_options_set_status: str = ""
    dns_hostname_status: str = "DISABLED"
    enabled_ipv6: bool = False
    ipv6_cidr_block: str = ""
    ipv6_cidr_blocks: Ipv6CidrBlocks = Ipv6CidrBlocks()
    nat_gateway_ids: NatGatewayIds = NatGatewayIds()
    router_table_ids: RouterTableIds = RouterTableIds()
    secondary_cidr_blocks: SecondaryCidrBlocks = SecondaryCidrBlocks()
    tags: Tags = Tags(tag=())


class Vpcs(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    vpc: Sequence[VpcShape]


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    vpcs: Vpcs
    total_count: int
    page_number: int
    page_size: int


@operation(VPC, access="read")
async def describe_vpcs(call: Call, params: Params) -> Result:
    one = VpcShape(region_id=call.control.settings.region_id, owner_id=int(call.caller.account_id))
    found = cut([one] if params.fits and params.untagged else [], params.page.window)
    return Result(
        vpcs=Vpcs(vpc=found.items),
        total_count=found.total,
        page_number=params.page.number,
        page_size=params.page.size,
    )
