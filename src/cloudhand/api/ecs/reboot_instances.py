"""RebootInstances: restart instances. Their visible status changes before the answer is given."""

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
    force_reboot: bool = flag()
    batch_optimization: str = power.batch()
    dry_run: bool = flag()


@operation(
    ECS,
    access="write",
    errors=power.RESTART_REFUSALS,
    refuses=(errors.DRY_RUN_MANY, power.NO_FORCE),
)
async def reboot_instances(call: Call, params: Params) -> power.Result:
    power.check_force(params.instance_ids, force=params.force_reboot)
    changes = await call.control.instances.reboot(
        params.instance_ids,
        force=params.force_reboot,
        together=power.together(params.batch_optimization),
        once=call.once(),
        dry_run=params.dry_run,
        by=str(call.caller),
    )
    return power.told(changes, dry_run=params.dry_run)
