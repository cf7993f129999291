"""DescribeRegions: the one region that this control plane is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from cloudhand.api.bind import one_of, text
from cloudhand.api.ecs import fields
from cloudhand.api.ecs.product import ECS
from cloudhand.api.operation import Call, operation
from cloudhand.api.refusal import WireError

_BAD_CHARGE_TYPE = WireError(
    code="Invalid.InstanceChargeType",
    status=403,
    message="The specified InstanceChargeType is not valid.",
)
_NO_SUCH_RESOURCE = WireError(
    code="InvalidResourceType.NotFound",
    status=404,
    message="The specified ResourceType does not exist.",
)
_CHARGE_TYPES = ("PostPaid", "PrePaid", "SpotWithPriceLimit", "SpotAsPriceGo")
_RESOURCES = ("instance", "disk", "reservedinstance", "scu")


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.optional_region()
    accept_language: str = fields.accept_language(
        f"one of {', '.join(fields.LANGUAGES)}; names read alike in all"
    )
    instance_charge_type: str = text(
        "InstanceChargeType", one_of(_CHARGE_TYPES, _BAD_CHARGE_TYPE), note="the region has all"
    )
    resource_type: str = text(
        "ResourceType", one_of(_RESOURCES, _NO_SUCH_RESOURCE), note="the region has all"
    )


class Region(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    region_id: str
    local_name: str
    region_endpoint: str  # the address by which the caller reached us
    status: str = "available"


class Regions(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    region: Sequence[Region]


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    regions: Regions


@operation(ECS, access="read")
async def describe_regions(call: Call, params: Params) -> Result:
    region_id = call.control.settings.region_id
    region = Region(region_id=region_id, local_name=region_id, region_endpoint=call.host)
    return Result(regions=Regions(region=[region]))
