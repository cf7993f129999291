"""DeleteInstance: release one instance, for good; a running one only with Force."""

from __future__ import annotations

from dataclasses import dataclass

from cloudhand.api import bind
from cloudhand.api.bind import flag
from cloudhand.api.ecs import deletion, errors, fields, power
from cloudhand.api.ecs.product import ECS
from cloudhand.api.ecs.shapes import Done
from cloudhand.api.operation import Call, operation
from cloudhand.core.ids import InstanceId


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.optional_region()
    instance_id: InstanceId = fields.instance_id()
    force: bool = flag()
    force_stop: bool = flag(default=True)
    terminate_subscription: str = bind.without_effect(
        "TerminateSubscription", "there are no subscriptions"
    )
    dry_run: bool = flag()


@operation(
    ECS,
    access="write",
    errors=deletion.REFUSALS,
    refuses=(*deletion.DECLARED, errors.DRY_RUN),
)
async def delete_instance(call: Call, params: Params) -> Done:
    await deletion.release(
        call,
        [params.instance_id],
        force=params.force,
        force_stop=params.force_stop,
        dry_run=params.dry_run,
    )
    return power.done_alone(dry_run=params.dry_run)
