"""StartInstance: start one stopped instance."""

from __future__ import annotations

from dataclasses import dataclass

from cloudhand.api import bind
from cloudhand.api.bind import flag
from cloudhand.api.ecs import errors, fields, power
from cloudhand.api.ecs.product import ECS
from cloudhand.api.ecs.shapes import Done
from cloudhand.api.operation import Call, operation
from cloudhand.core.ids import InstanceId


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.optional_region()
    instance_id: InstanceId = fields.instance_id()
    init_local_disk: str = bind.without_effect("InitLocalDisk", "there are no local disks")
    dry_run: bool = flag()


@operation(ECS, access="write", errors=power.REFUSALS, refuses=(errors.DRY_RUN,))
async def start_instance(call: Call, params: Params) -> Done:
    await call.control.instances.start(
        [params.instance_id], together=True, once=call.once(), dry_run=params.dry_run
    )
    return power.done_alone(dry_run=params.dry_run)
