"""The one network and its one switch, as the product ECS and the product VPC both tell them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from cloudhand.api.ecs import machine
from cloudhand.api.paging import Paging, cut
from cloudhand.control.settings import ControlSettings

# What filters on them match: those that both products have, and those of the product VPC alone.
VPC = {"VpcId": machine.VPC_ID, "IsDefault": "true"}
VSWITCH = {"VSwitchId": machine.VSWITCH_ID, "VpcId": machine.VPC_ID, "IsDefault": "true"}
_NOT_HERE = {"ResourceGroupId": "", "EnableIpv6": "false"}
NAMED_VPC = {"VpcName": machine.NAME, "DhcpOptionsSetId": "", **_NOT_HERE}
NAMED_VSWITCH = {"VSwitchName": machine.NAME, "RouteTableId": "", **_NOT_HERE}


class UserCidrs(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    user_cidr: Sequence[str] = ()


class VSwitchIds(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    v_switch_id: Sequence[str] = (machine.VSWITCH_ID,)


class Vpc(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    vpc_id: str = machine.VPC_ID
    vpc_name: str = machine.NAME
    region_id: str
    cidr_block: str = machine.VPC_CIDR
    status: str = "Available"
    is_default: bool = True
    description: str = "Instances share the network of the machine that runs Cloudhand"
    creation_time: str = machine.SINCE
    v_router_id: str = ""
    v_switch_ids: VSwitchIds = VSwitchIds()
    user_cidrs: UserCidrs = UserCidrs()


class VSwitch(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    v_switch_id: str = machine.VSWITCH_ID
    v_switch_name: str = machine.NAME
    vpc_id: str = machine.VPC_ID
    zone_id: str
    cidr_block: str = machine.VSWITCH_CIDR
    available_ip_address_count: int
    status: str = "Available"
    is_default: bool = True
    description: str = "For instances of any zone"
    creation_time: str = machine.SINCE
    resource_group_id: str = ""


class Vpcs(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    vpc: Sequence[Vpc]


class VSwitches(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    v_switch: Sequence[VSwitch]


class VpcsPage(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    vpcs: Vpcs
    total_count: int
    page_number: int
    page_size: int


class VSwitchesPage(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    v_switches: VSwitches
    total_count: int
    page_number: int
    page_size: int


def vpcs_page(settings: ControlSettings, page: Paging, *, fits: bool) -> VpcsPage:
    """``fits``: whether the filters match."""
    found = cut([Vpc(region_id=settings.region_id)] if fits else [], page.window)
    return VpcsPage(
        vpcs=Vpcs(vpc=found.items),
        total_count=found.total,
        page_number=page.number,
        page_size=page.size,
    )


def vswitches_page(
    settings: ControlSettings, page: Paging, *, zone_id: str, fits: bool
) -> VSwitchesPage:
    """``fits``: whether the filters match, but for that by zone; empty: any."""
    # Addresses do not run out before instances do.
    one = VSwitch(zone_id=settings.zone_ids[0], available_ip_address_count=settings.instances_limit)
    found = cut([one] if fits and zone_id in ("", one.zone_id) else [], page.window)
    return VSwitchesPage(
        v_switches=VSwitches(v_switch=found.items),
        total_count=found.total,
        page_number=page.number,
        page_size=page.size,
    )
