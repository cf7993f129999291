"""StartInstances: start stopped instances."""

from __future__ import annotations

from dataclasses import dataclass

from cloudhand.api.bind import flag
from cloudhand.api.ecs import errors, fields, power
from cloudhand.api.ecs.product import ECS
from cloudhand.api.operation import Call, operation
from cloudhand.core.ids import InstanceId


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    instance_ids: tuple[InstanceId, ...] = fields.instance_ids()
    batch_optimization: str = power.batch()
    dry_run: bool = flag()


@operation(ECS, access="write", errors=power.REFUSALS, refuses=(errors.DRY_RUN_MANY,))
async def start_instances(call: Call, params: Params) -> power.Result:
    changes = await call.control.instances.start(
        params.instance_ids,
        together=power.together(params.batch_optimization),
        once=call.once(),
        dry_run=params.dry_run,
    )
    return power.told(changes, dry_run=params.dry_run)
