"""The governor's groups and slots. A slot is moved here or nowhere."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from cloudhand.core import audit
from cloudhand.core.audit import Record
from cloudhand.core.governor import SLOT, Budget, Event, Group, Slot, State, foreign
from cloudhand.core.ids import InstanceId
from cloudhand.core.instance import ONLINE_WITHIN
from cloudhand.core.page import Page, Window
from cloudhand.store.audit import Audit
from cloudhand.store.cursors import paged
from cloudhand.store.database import Row, Statements
from cloudhand.store.events import Events, Move
from cloudhand.store.rows import (
    from_ms,
    marks,
    moment,
    span,
    span_to_ms,
    tags_condition,
    to_json,
    to_ms,
)

_GROUP = (
    "name, tags, budget, percent, lease, restarts, within, counts_offline, token_hash, created_at"
)
_GROUP_COUNT = 10
_SLOT = (
    "id, group_name, holder, why, state, version, asked_at, seen_at, held_at,"
    " deadline_at, boot_id, ended_at"
)
_SLOT_COUNT = 12
# All machines of the account.
_MACHINES = (
    "SELECT id, tags FROM instances WHERE state <> 'Released'"
    " UNION ALL SELECT id, tags FROM managed_instances WHERE deregistered_at IS NULL"
)


class Governor:
    def __init__(self, statements: Statements, events: Events, audit: Audit) -> None:
        self._statements = statements
        self._events = events
        self._audit = audit

    # Groups

    async def put_group(self, group: Group) -> None:
        """In place of what was said of it before."""
        await self._statements.change(
            f"INSERT INTO governor_groups ({_GROUP}) VALUES ({marks(range(_GROUP_COUNT))})"
            " ON CONFLICT (name) DO UPDATE SET tags = excluded.tags, budget = excluded.budget,"
            " percent = excluded.percent, lease = excluded.lease, restarts = excluded.restarts,"
            " within = excluded.within, counts_offline = excluded.counts_offline,"
            " token_hash = excluded.token_hash",
            group.name,
            to_json(dict(group.tags)),
            group.budget.number,
            int(group.budget.percent),
            span_to_ms(group.lease),
            group.restarts,
            span_to_ms(group.within),
            int(group.counts_offline),
            group.token_hash,
            to_ms(group.created_at),
        )

    async def drop_group(self, name: str) -> None:
        """With all its slots."""
        await self._statements.change("DELETE FROM governor_slots WHERE group_name = ?", name)
        await self._statements.change("DELETE FROM governor_groups WHERE name = ?", name)

    async def group(self, name: str) -> Group | None:
        rows = await self._statements.fetch(
            f"SELECT {_GROUP} FROM governor_groups WHERE name = ?", name
        )
        return _group(rows[0]) if rows else None

    async def groups(self) -> list[Group]:
        """In the order of their names."""
        rows = await self._statements.fetch(f"SELECT {_GROUP} FROM governor_groups ORDER BY name")
        return [_group(row) for row in rows]

    async def members(self, group: Group) -> int:
        """How many machines belong to it."""
        condition, values = tags_condition(group.tags)
        rows = await self._statements.fetch(
            f"SELECT count(*) FROM ({_MACHINES}) AS machines WHERE {condition}", *values
        )
        return int(rows[0][0])

    async def offline(self, group: Group, *, now: datetime) -> list[InstanceId]:
        """Machines of it whose agents are not online, in the order of their ids."""
        condition, values = tags_condition(group.tags)
        rows = await self._statements.fetch(
            f"SELECT id FROM ({_MACHINES}) AS machines WHERE {condition}"
            " AND id NOT IN (SELECT instance_id FROM agents WHERE last_seen_at >= ?"
            " AND (gone_at IS NULL OR gone_at > ?)) ORDER BY id",
            *values,
            to_ms(now - ONLINE_WITHIN),
            to_ms(now),
        )
        return [row[0] for row in rows]

    # Slots

    async def add(self, slot: Slot) -> None:
        await self._statements.change(
            f"INSERT INTO governor_slots ({_SLOT}) VALUES ({marks(range(_SLOT_COUNT))})",
            slot.id,
            slot.group,
            slot.holder,
            slot.why,
            slot.state,
            slot.version,
            to_ms(slot.asked_at),
            to_ms(slot.seen_at),
            to_ms(slot.held_at),
            to_ms(slot.deadline_at),
            slot.boot_id,
            to_ms(slot.ended_at),
        )

    async def get(self, slot_id: str) -> Slot | None:
        found = await self._slots("id = ?", slot_id)
        return found[0] if found else None

    async def open_in(self, group: str) -> list[Slot]:
        """Those of a group that are held or waited for, oldest first."""
        return await self._slots("group_name = ? AND deadline_at IS NOT NULL", group)

    async def open_of(self, holder: str) -> list[Slot]:
        """Those that somebody holds or waits for."""
        return await self._slots("holder = ? AND deadline_at IS NOT NULL", holder)

    async def due(self, now: datetime) -> list[Slot]:
        """Those that are open, and should not be any more."""
        return await self._slots("deadline_at <= ?", to_ms(now))

    async def next_due(self) -> datetime | None:
        rows = await self._statements.fetch("SELECT min(deadline_at) FROM governor_slots")
        return from_ms(rows[0][0])

    async def granted(self, group: str, holder: str, *, since: datetime) -> list[datetime]:
        """When somebody was let through."""
        rows = await self._statements.fetch(
            "SELECT held_at FROM governor_slots"
            " WHERE holder = ? AND group_name = ? AND held_at > ? ORDER BY held_at",
            holder,
            group,
            to_ms(since),
        )
        return [moment(row[0]) for row in rows]

    async def find(self, groups: Sequence[str], *, ended: bool, window: Window) -> Page[Slot]:
        """Who asked last comes first. ``groups``: none for all; ``ended``: those as well."""
        condition, values = "1 = 1", list(groups)
        if groups:
            condition = f"group_name IN ({marks(groups)})"
        if not ended:
            condition += " AND deadline_at IS NOT NULL"
        rows, total, after = await paged(
            self._statements,
            f"SELECT {_SLOT}, asked_at, holder || id FROM governor_slots WHERE {condition}",
            values,
            keys=("asked_at", "holder || id"),
            window=window,
        )
        return Page(items=[_slot(row) for row in rows], total=total, next=after)

    async def note(self, slot: Slot) -> None:
        """Keep what may change of one while its state does not."""
        await self._statements.change(
            "UPDATE governor_slots SET seen_at = ?, deadline_at = ? WHERE id = ?",
            to_ms(slot.seen_at),
            to_ms(slot.deadline_at),
            slot.id,
        )

    async def postpone(self, until: datetime) -> None:
        """None ends by itself before ``until``."""
        await self._statements.change(
            "UPDATE governor_slots SET deadline_at = ? WHERE deadline_at < ?",
            to_ms(until),
            to_ms(until),
        )

    async def move(
        self, slot: Slot, event: Event, *, at: datetime, source: str, **changes: Any
    ) -> Slot:
        state = SLOT.move(slot.state, event)
        if state in SLOT.final:
            changes = {"deadline_at": None, "ended_at": at, **changes}
        moved = replace(slot, state=state, version=slot.version + 1, **changes)
        changed = await self._statements.change(
            "UPDATE governor_slots SET state = ?, version = ?, seen_at = ?,"
            " held_at = ?, deadline_at = ?, boot_id = ?, ended_at = ? WHERE id = ? AND version = ?",
            moved.state,
            moved.version,
            to_ms(moved.seen_at),
            to_ms(moved.held_at),
            to_ms(moved.deadline_at),
            moved.boot_id,
            to_ms(moved.ended_at),
            slot.id,
            slot.version,
        )
        if not changed:
            raise RuntimeError(f"cannot move {slot.id}: it was moved by somebody else")
        await self._events.add(
            [
                Move(
                    noun="slot",
                    id=slot.id,
                    from_state=slot.state,
                    event=event,
                    to_state=state,
                    at=at,
                    source=source,
                )
            ]
        )
        if foreign(slot.holder):  # nothing else is known of what other tools do
            await self._record(moved, at)
        return moved

    async def _record(self, slot: Slot, at: datetime) -> None:
        await self._audit.add(
            Record(
                kind=audit.Kind.POWER,
                at=at,
                action=f"slot:{slot.state}",
                who=slot.holder,
                outcome=audit.OK,
                things=(f"governorgroup/{slot.group}",),
                facts={"slot": slot.id},
            )
        )

    async def forget(self, *, before: datetime) -> int:
        """Drop slots that ended; how many."""
        return await self._statements.change(
            "DELETE FROM governor_slots WHERE ended_at < ?", to_ms(before)
        )

    async def _slots(self, condition: str, *values: object) -> list[Slot]:
        rows = await self._statements.fetch(
            f"SELECT {_SLOT} FROM governor_slots WHERE {condition} ORDER BY asked_at, holder",
            *values,
        )
        return [_slot(row) for row in rows]


def _group(row: Row) -> Group:
    return Group(
        name=row[0],
        tags=json.loads(row[1]),
        budget=Budget(number=row[2], percent=bool(row[3])),
        lease=span(row[4]),
        restarts=row[5],
        within=span(row[6]),
        counts_offline=bool(row[7]),
        token_hash=row[8],
        created_at=moment(row[9]),
    )


def _slot(row: Row) -> Slot:
    return Slot(
        id=row[0],
        group=row[1],
        holder=row[2],
        why=row[3],
        state=State(row[4]),
        version=row[5],
        asked_at=moment(row[6]),
        seen_at=moment(row[7]),
        held_at=from_ms(row[8]),
        deadline_at=from_ms(row[9]),
        boot_id=row[10],
        ended_at=from_ms(row[11]),
    )
