"""ExplainInvocation: what each machine of a command, or of a file, waits for, or how it ended.

An extension.
"""

from __future__ import annotations

from dataclasses import dataclass

from cloudhand.api import explained
from cloudhand.api.bind import text
from cloudhand.api.ecs import errors, fields
from cloudhand.api.ecs.product import ECS
from cloudhand.api.operation import Call, operation
from cloudhand.core.errors import InstanceNotTargeted, ResourceNotFound
from cloudhand.core.ids import InstanceId


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    invoke_id: str = text("InvokeId", required=True, note="or a run of one that repeats: ID.3")
    instance_id: InstanceId | None = text("InstanceId", note="none: all of its machines")


@operation(
    ECS,
    access="read",
    errors={
        ResourceNotFound: errors.NO_SUCH_INVOCATION,
        InstanceNotTargeted: errors.NO_SUCH_INSTANCE,
    },
)
async def explain_invocation(call: Call, params: Params) -> explained.Result:
    found = await call.control.explanations.of_invocation(
        params.invoke_id, params.instance_id or None
    )
    return explained.result(found)
