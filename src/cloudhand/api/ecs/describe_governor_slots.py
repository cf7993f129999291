"""DescribeGovernorSlots: who may restart now, who waits for its turn and for whom, and who did.

An extension.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from cloudhand.api import bind, paging
from cloudhand.api.ecs import errors, fields, governor_fields
from cloudhand.api.ecs.product import ECS
from cloudhand.api.operation import Call, operation
from cloudhand.control.governor import SlotView
from cloudhand.core.errors import ResourceNotFound
from cloudhand.core.ids import SlotId
from cloudhand.wire import times


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    group_name: str = governor_fields.group_name(required=False, note="none: of all groups")
    ended: bool = bind.flag("Ended", note="those too that nobody holds or waits for any more")
    page: paging.Paging = paging.following(size=1000, usual=50, or_less=True)


class SlotShape(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    slot_id: SlotId
    group_name: str
    holder: str  # the id of an instance, or what another tool calls a machine
    status: str  # Waiting, Held; Returned, Expired, Released, Gone, Withdrawn
    reason: str  # what it is to restart for
    waits_for: str  # while it waits: a clause without its subject
    asked_time: str
    seen_time: str  # when it asked last
    held_time: str
    deadline_time: str  # when it ends by itself; empty once it has
    end_time: str


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    slots: Sequence[SlotShape]
    next_token: str


@operation(ECS, access="read", errors={ResourceNotFound: errors.NO_SUCH_GROUP})
async def describe_governor_slots(call: Call, params: Params) -> Result:
    page = await call.control.governor.slots(
        params.group_name, params.page.window, ended=params.ended
    )
    return Result(slots=[_shape(view) for view in page.items], next_token=page.next)


def _shape(view: SlotView) -> SlotShape:
    slot = view.slot
    return SlotShape(
        slot_id=slot.id,
        group_name=slot.group,
        holder=slot.holder,
        status=slot.state.value,
        reason=slot.why,
        waits_for=view.waits_for,
        asked_time=times.second(slot.asked_at),
        seen_time=times.second(slot.seen_at),
        held_time=times.second(slot.held_at),
        deadline_time=times.second(slot.deadline_at),
        end_time=times.second(slot.ended_at),
    )
