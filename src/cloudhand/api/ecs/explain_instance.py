"""ExplainInstance: what a machine waits for, and what it was asked for by exit codes.

An extension.
"""

from __future__ import annotations

from dataclasses import dataclass

from cloudhand.api import explained
from cloudhand.api.ecs import errors, fields
from cloudhand.api.ecs.product import ECS
from cloudhand.api.operation import Call, operation
from cloudhand.core.errors import ResourceNotFound
from cloudhand.core.ids import InstanceId


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    instance_id: InstanceId = fields.instance_id()


@operation(ECS, access="read", errors={ResourceNotFound: errors.NO_SUCH_INSTANCE})
async def explain_instance(call: Call, params: Params) -> explained.Result:
    return explained.result(await call.control.explanations.of_instance(params.instance_id))
