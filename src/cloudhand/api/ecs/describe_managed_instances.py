"""DescribeManagedInstances: machines that joined from outside; unknown ids are left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from cloudhand.api.bind import flag, many, text
from cloudhand.api.ecs import errors, fields
from cloudhand.api.ecs.managed_shape import ManagedShape, managed_shape
from cloudhand.api.ecs.product import ECS
from cloudhand.api.operation import Call, operation
from cloudhand.api.paging import Paging, paging
from cloudhand.core.ids import ActivationId, InstanceId
from cloudhand.core.orders import ManagedFilter


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    instance_ids: tuple[InstanceId, ...] = many(
        "InstanceId", at_most=50, too_many=errors.TOO_MANY_TARGETS
    )
    instance_name: str = text(note="may have * at either end")
    instance_ip: str = text(note="inner or public")
    os_type: str = fields.choice("OsType", ("windows", "linux", "FreeBSD"))
    activation_id: str = text()
    machine_id: str = text()
    connected: bool | None = flag(default=None)
    resource_group_id: str = fields.resource_group()
    tags: Mapping[str, str] = fields.labels()
    page: Paging = paging()


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    total_count: int
    page_number: int
    page_size: int
    next_token: str
    instances: Sequence[ManagedShape]  # Compat: a bare list, unlike most


@operation(ECS, access="read")
async def describe_managed_instances(call: Call, params: Params) -> Result:
    wanted = ManagedFilter(
        ids=frozenset(params.instance_ids) if params.instance_ids else None,
        name=params.instance_name,
        ip=params.instance_ip,
        os_type=params.os_type,
        activation_id=ActivationId(params.activation_id) if params.activation_id else None,
        machine_id=params.machine_id,
        connected=params.connected,
        resource_group_id=params.resource_group_id,
        tags=params.tags,
    )
    found = await call.control.managed.find(wanted, params.page.window)
    return Result(
        total_count=found.total,
        page_number=params.page.number,
        page_size=params.page.size,
        next_token=params.page.next_token(found),
        instances=[managed_shape(view) for view in found.items],
    )
