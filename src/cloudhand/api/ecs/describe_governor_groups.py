"""DescribeGovernorGroups: the groups of the governor, and how much of each budget is used.

An extension.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from cloudhand.api.ecs import fields, shapes
from cloudhand.api.ecs.product import ECS
from cloudhand.api.operation import Call, operation
from cloudhand.control.governor import GroupView
from cloudhand.wire import times


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()


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


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    groups: Sequence[GroupShape]


@operation(ECS, access="read")
async def describe_governor_groups(call: Call, params: Params) -> Result:
    return Result(groups=[_shape(view) for view in await call.control.governor.groups()])


def _shape(view: GroupView) -> GroupShape:
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
