"""DescribeGovernorGroups: the groups of the governor, and how much of each budget is used.

An extension.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from cloudhand.api.ecs import fields
from cloudhand.api.ecs.governor_shape import GroupShape, group_shape
from cloudhand.api.ecs.product import ECS
from cloudhand.api.operation import Call, operation


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    groups: Sequence[GroupShape]


@operation(ECS, access="read")
async def describe_governor_groups(call: Call, params: Params) -> Result:
    return Result(groups=[group_shape(view) for view in await call.control.governor.groups()])
