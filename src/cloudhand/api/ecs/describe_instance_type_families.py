"""DescribeInstanceTypeFamilies: the family of the one type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from cloudhand.api.ecs import fields, machine
from cloudhand.api.ecs.product import ECS
from cloudhand.api.operation import Call, operation


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    fits: bool = fields.constants({"Generation": ""})


class InstanceTypeFamily(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    instance_type_family_id: str = machine.family(machine.INSTANCE_TYPE)
    generation: str = ""


class InstanceTypeFamilies(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    instance_type_family: Sequence[InstanceTypeFamily]


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    instance_type_families: InstanceTypeFamilies


@operation(ECS, access="read")
async def describe_instance_type_families(call: Call, params: Params) -> Result:
    found = [InstanceTypeFamily()] if params.fits else []
    return Result(instance_type_families=InstanceTypeFamilies(instance_type_family=found))
