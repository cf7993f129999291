"""ReleaseGovernorSlot: free a slot whose machine will not; have one that waits not restart.

An extension. The id is that of one holding, so nothing is freed that somebody holds anew. A restart
that RebootInstances ordered is not withdrawn: who ordered it takes Running for its end.
"""

from __future__ import annotations

from dataclasses import dataclass

from cloudhand.api.bind import text
from cloudhand.api.ecs import errors, fields
from cloudhand.api.ecs.product import ECS
from cloudhand.api.ecs.shapes import Done
from cloudhand.api.operation import Call, operation
from cloudhand.core.errors import IncorrectState, ResourceNotFound
from cloudhand.core.ids import SlotId


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    slot_id: SlotId = text("SlotId", required=True)


@operation(
    ECS,
    access="write",
    errors={ResourceNotFound: errors.NO_SUCH_SLOT, IncorrectState: errors.RESTART_ORDERED},
)
async def release_governor_slot(call: Call, params: Params) -> Done:
    await call.control.governor.release(params.slot_id, by=str(call.caller))
    return Done()
