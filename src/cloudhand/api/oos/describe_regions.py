"""DescribeRegions: the one region that this control plane is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from cloudhand.api.oos import fields
from cloudhand.api.oos.product import OOS
from cloudhand.api.operation import Call, operation


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    accept_language: str = fields.choice(
        "AcceptLanguage", ("zh-CN", "en-US"), note="names read alike in both"
    )


class Region(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    region_id: str
    local_name: str
    region_endpoint: str  # the address by which the caller reached us


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    regions: Sequence[Region]


@operation(OOS, access="read")
async def describe_regions(call: Call, params: Params) -> Result:
    region_id = call.control.settings.region_id
    region = Region(region_id=region_id, local_name=region_id, region_endpoint=call.host)
    return Result(regions=[region])
