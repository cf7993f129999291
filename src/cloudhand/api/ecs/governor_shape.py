"""A group of the governor, as operations tell it."""

from __future__ import annotations

import msgspec

from cloudhand.api.ecs import shapes
from cloudhand.control.governor import GroupView
from cloudhand.wire import times


class GroupShape(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    group_name: str
    tags: shapes.Tags  # of its machines; none: all machines
    budget: str  # a number, or a share
    room: int  # what this comes to
    member_count: int
    held_count: int
    waiting_count: int
    lease: int  # seconds
    restarts: int
    restarts_within: int  # seconds
    counts_offline: bool
    fleet_lock: bool  # whether other tools may ask for slots
    creation_time: str


def group_shape(view: GroupView) -> GroupShape:
    group = view.group
    return GroupShape(
        group_name=group.name,
        tags=shapes.tags(group.tags),
        budget=str(group.budget),
        room=group.budget.room(view.members),
        member_count=view.members,
        held_count=view.held,
        waiting_count=view.waiting,
        lease=int(group.lease.total_seconds()),
        restarts=group.restarts,
        restarts_within=int(group.within.total_seconds()),
        counts_offline=group.counts_offline,
        fleet_lock=bool(group.token_hash),
        creation_time=times.second(group.created_at),
    )
