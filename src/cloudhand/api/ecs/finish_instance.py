"""FinishInstance: have an instance be released by a person's word, whatever its provider says.

An extension. What is left of it is not looked after any more.
"""

from __future__ import annotations

from dataclasses import dataclass

from cloudhand.api.ecs import errors, fields
from cloudhand.api.ecs.product import ECS
from cloudhand.api.ecs.shapes import Done
from cloudhand.api.operation import Call, operation
from cloudhand.core.errors import InstanceNotFound
from cloudhand.core.ids import InstanceId


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    instance_id: InstanceId = fields.instance_id()
    reason: str = fields.reason()


@operation(ECS, access="write", errors={InstanceNotFound: errors.NO_SUCH_INSTANCE})
async def finish_instance(call: Call, params: Params) -> Done:
    await call.control.finishing.instance(
        params.instance_id, why=params.reason, by=str(call.caller)
    )
    return Done()
