"""DeleteInstances: release instances, for good, all or none; running ones only with Force."""

from __future__ import annotations

from dataclasses import dataclass

from cloudhand.api import bind
from cloudhand.api.bind import flag
from cloudhand.api.ecs import deletion, errors, fields
from cloudhand.api.ecs.product import ECS
from cloudhand.api.ecs.shapes import Done
from cloudhand.api.operation import Call, operation
from cloudhand.api.refusal import Refused
from cloudhand.core.errors import TokenReused
from cloudhand.core.ids import InstanceId


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    instance_ids: tuple[InstanceId, ...] = fields.instance_ids()
    force: bool = flag()
    force_stop: bool = flag(default=True)
    terminate_subscription: str = bind.without_effect(
        "TerminateSubscription", "there are no subscriptions"
    )
    dry_run: bool = flag()
    client_token: str = fields.client_token()


@operation(
    ECS,
    access="write",
    errors={**deletion.REFUSALS, TokenReused: errors.TOKEN_REUSED_INSTANCES},
    refuses=(*deletion.DECLARED, errors.DRY_RUN_MANY),
)
async def delete_instances(call: Call, params: Params) -> Done:
    await deletion.release(
        call,
        params.instance_ids,
        force=params.force,
        force_stop=params.force_stop,
        dry_run=params.dry_run,
        once=call.once(params.client_token),
    )
    if params.dry_run:
        raise Refused(errors.DRY_RUN_MANY)
    return Done()
