"""RebootInstance: restart one running instance. Its visible status changes at once."""

from __future__ import annotations

from dataclasses import dataclass

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
    # Compat: the operation on many calls the same thing ForceReboot.
    force_stop: bool = flag()
    dry_run: bool = flag()


@operation(
    ECS,
    access="write",
    errors=power.RESTART_REFUSALS,
    refuses=(errors.DRY_RUN, power.NO_FORCE),
)
async def reboot_instance(call: Call, params: Params) -> Done:
    power.check_force([params.instance_id], force=params.force_stop)
    await call.control.instances.reboot(
        [params.instance_id],
        force=params.force_stop,
        together=True,
        once=call.once(),
        dry_run=params.dry_run,
        by=str(call.caller),
    )
    return power.done_alone(dry_run=params.dry_run)
