"""CreateInstance: a new instance, which is Stopped until it is started."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from cloudhand.api import bind
from cloudhand.api.bind import group
from cloudhand.api.ecs import fields, instance_fields, new_instance
from cloudhand.api.ecs.new_instance import Ignored, Machine, Named
from cloudhand.api.ecs.product import ECS
from cloudhand.api.operation import Call, operation


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    instance_name: str = instance_fields.name()
    host_name: str = instance_fields.host_name()
    machine: Machine = group(Machine)
    ignored: Ignored = group(Ignored)
    given_up: str = bind.without_effect(
        "ClusterId",
        "the real service has given them up",
        *("InnerIpAddress", "NodeControllerId", "UseAdditionalService", "VlanId"),
    )


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    instance_id: str
    order_id: str = ""
    trade_price: float = 0.0


@operation(ECS, access="write", errors=new_instance.REFUSALS, refuses=new_instance.DECLARED)
async def create_instance(call: Call, params: Params) -> Result:
    named = Named(name=params.instance_name, hostname=params.host_name)
    (made,) = await new_instance.make(call, params.region_id, params.machine, named, starts=False)
    return Result(instance_id=made)
