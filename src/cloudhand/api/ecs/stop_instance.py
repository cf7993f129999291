"""StopInstance: shut one running instance down, or cut its power with ForceStop."""

from __future__ import annotations

from dataclasses import dataclass

from cloudhand.api import bind
from cloudhand.api.bind import flag
from cloudhand.api.ecs import errors, fields, power
from cloudhand.api.ecs.product import ECS
from cloudhand.api.ecs.shapes import Done
from cloudhand.api.operation import Call, operation
from cloudhand.api.refusal import Refused
from cloudhand.core.ids import InstanceId


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.optional_region()
    instance_id: InstanceId = fields.instance_id()
    force_stop: bool = flag()
    stopped_mode: str = power.stopped_mode()
    confirm_stop: str = bind.without_effect("ConfirmStop", "the real service ignores it, too")
    hibernate: bool = flag()
    dry_run: bool = flag()


@operation(
    ECS,
    access="write",
    errors=power.REFUSALS,
    refuses=(errors.DRY_RUN, power.NO_FORCE, power.NO_HIBERNATION),
)
async def stop_instance(call: Call, params: Params) -> Done:
    if params.hibernate:
        raise Refused(power.NO_HIBERNATION)
    power.check_force([params.instance_id], force=params.force_stop)
    await call.control.instances.stop(
        [params.instance_id],
        force=params.force_stop,
        together=True,
        once=call.once(),
        dry_run=params.dry_run,
        by=str(call.caller),
    )
    return power.done_alone(dry_run=params.dry_run)
