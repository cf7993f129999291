"""StopInvocation: cancel what has not started, stop what runs, everywhere or where it is named."""

from __future__ import annotations

from dataclasses import dataclass

from cloudhand.api.bind import many, text
from cloudhand.api.ecs import errors, fields
from cloudhand.api.ecs.product import ECS
from cloudhand.api.ecs.shapes import Done
from cloudhand.api.operation import Call, operation
from cloudhand.core.errors import InstanceNotFound, InstanceNotTargeted, InvocationNotFound
from cloudhand.core.ids import InstanceId, InvokeId


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    invoke_id: InvokeId = text("InvokeId", required=True)
    instance_ids: tuple[InstanceId, ...] = many(
        "InstanceId", at_most=50, too_many=errors.TOO_MANY_TARGETS
    )


@operation(
    ECS,
    access="write",
    errors={
        InvocationNotFound: errors.NO_SUCH_INVOCATION,
        InstanceNotTargeted: errors.NO_SUCH_INSTANCE,
        InstanceNotFound: errors.NO_SUCH_INSTANCE,
    },
)
async def stop_invocation(call: Call, params: Params) -> Done:
    await call.control.invocations.stop(
        params.invoke_id, only=params.instance_ids, once=call.once()
    )
    return Done()
