"""InstallCloudAssistant: have the agent on instances. Those here are made with theirs."""

from __future__ import annotations

from dataclasses import dataclass

from cloudhand.api.bind import many
from cloudhand.api.ecs import errors, fields
from cloudhand.api.ecs.product import ECS
from cloudhand.api.ecs.shapes import Done
from cloudhand.api.operation import Call, operation
from cloudhand.core.errors import InstanceNotFound
from cloudhand.core.ids import InstanceId


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    instance_ids: tuple[InstanceId, ...] = many(
        "InstanceId",
        at_most=50,
        too_many=errors.TOO_MANY_TARGETS,
        required=True,
        absent=errors.NO_INSTANCE_ID,
    )


@operation(ECS, access="write", errors={InstanceNotFound: errors.NO_SUCH_TARGET})
async def install_cloud_assistant(call: Call, params: Params) -> Done:
    await call.control.instances.install_agent(params.instance_ids, once=call.once())
    return Done()
