"""DeregisterManagedInstance: end a machine's registration; its agent is refused from then on."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from cloudhand.api.ecs import errors, fields
from cloudhand.api.ecs.managed_shape import Deregistered, deregistered_shape
from cloudhand.api.ecs.product import ECS
from cloudhand.api.operation import Call, operation
from cloudhand.core.errors import InstanceNotFound, TokenReused
from cloudhand.core.ids import InstanceId


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    instance_id: InstanceId = fields.instance_id()
    client_token: str = fields.client_token()


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    instance: Deregistered


@operation(
    ECS,
    access="write",
    errors={InstanceNotFound: errors.NO_SUCH_TARGET, TokenReused: errors.TOKEN_REUSED},
)
async def deregister_managed_instance(call: Call, params: Params) -> Result:
    view = await call.control.managed.deregister(
        params.instance_id, once=call.once(params.client_token)
    )
    return Result(instance=deregistered_shape(view))
