"""ModifyManagedInstance: another name for a machine that joined from outside."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from cloudhand.api.ecs import errors, fields, managed_fields
from cloudhand.api.ecs.product import ECS
from cloudhand.api.operation import Call, operation
from cloudhand.core.errors import InstanceNotFound
from cloudhand.core.ids import InstanceId


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    instance_id: InstanceId = fields.instance_id()
    instance_name: str = managed_fields.name(128, managed_fields.NAME_LENGTH, required=True)


class Renamed(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    instance_id: str
    instance_name: str


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    instance: Renamed


@operation(ECS, access="write", errors={InstanceNotFound: errors.NO_SUCH_TARGET})
async def modify_managed_instance(call: Call, params: Params) -> Result:
    renamed = await call.control.managed.rename(
        params.instance_id, params.instance_name, once=call.once()
    )
    return Result(instance=Renamed(instance_id=renamed.id, instance_name=renamed.name))
