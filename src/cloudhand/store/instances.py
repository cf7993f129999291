"""Instances with a lifecycle. An instance is moved here or nowhere."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from cloudhand.core import audit
from cloudhand.core.audit import Record
from cloudhand.core.ids import InstanceId
from cloudhand.core.instance import INSTANCE, ORDERS, Event, Instance, State, shown
from cloudhand.core.orders import InstanceFilter
from cloudhand.core.page import Page, Window
from cloudhand.store.audit import Audit
from cloudhand.store.claims import Claim
from cloudhand.store.cursors import paged
from cloudhand.store.database import Row, Statements
from cloudhand.store.events import Events, Move
from cloudhand.store.rows import (
    from_ms,
    like,
    marks,
    moment,
    tags_condition,
    to_json,
    to_ms,
)
from cloudhand.store.watches import Watches

_COLUMNS = (
    "id, name, hostname, description, state, version, region_id, zone_id, image_id,"
    " instance_type, private_ip, created_at, started_at, due_at, ordered_at, forced, boot_id,"
    " from_boot_id, failure, activation_id, user_data, tags, resource_group_id,"
    " deletion_protection, starts"
)
_COUNT = 25
_SEEN = (State.RUNNING, State.STOPPED, State.RELEASED)


class Instances:
    def __init__(
        self, statements: Statements, events: Events, watches: Watches, audit: Audit
    ) -> None:
        self._statements = statements
        self._events = events
        self._watches = watches
        self._audit = audit

    async def add(self, instance: Instance) -> None:
        await self._statements.change(
            f"INSERT INTO instances ({_COLUMNS}) VALUES ({marks(range(_COUNT))})", *_row(instance)
        )

    async def get(self, instance_id: InstanceId) -> Instance | None:
        """None when there is none, or it has been released."""
        found = await self.get_many([instance_id])
        return found[0] if found else None

    async def get_many(self, instance_ids: Sequence[InstanceId]) -> list[Instance]:
        """Those that exist and are not released, in the order of their ids."""
        rows = await self._statements.fetch(
            f"SELECT {_COLUMNS} FROM instances WHERE id IN ({marks(instance_ids)})"
            " AND state <> 'Released' ORDER BY id",
            *instance_ids,
        )
        return [_instance(row) for row in rows]

    async def count_ever(self) -> int:
        rows = await self._statements.fetch("SELECT count(*) FROM instances")
        return int(rows[0][0])

    async def all_present(self) -> list[Instance]:
        rows = await self._statements.fetch(
            f"SELECT {_COLUMNS} FROM instances WHERE state <> 'Released' ORDER BY created_at, id"
        )
        return [_instance(row) for row in rows]

    async def with_tags(self, tags: dict[str, str]) -> list[InstanceId]:
        condition, values = tags_condition(tags)
        rows = await self._statements.fetch(
            f"SELECT id FROM instances WHERE state <> 'Released' AND {condition}"
            " ORDER BY created_at, id",
            *values,
        )
        return [row[0] for row in rows]

    async def find(self, wanted: InstanceFilter, window: Window) -> Page[Instance]:
        """Newest first."""
        condition, values = _condition(wanted)
        rows, total, after = await paged(
            self._statements,
            f"SELECT {_COLUMNS}, created_at, id FROM instances WHERE {condition}",
            values,
            keys=("created_at", "id"),
            window=window,
        )
        return Page(items=[_instance(row) for row in rows], total=total, next=after)

    async def move(
        self, instance: Instance, event: Event, *, at: datetime, source: str, **changes: Any
    ) -> Instance:
        """Apply an event; a standing order is due at once, or at ``due_at`` of the changes."""
        state = INSTANCE.move(instance.state, event)
        if state in ORDERS:
            changes = {"due_at": at, "ordered_at": at, "failure": "", **changes}
        else:
            changes = {"due_at": None, "ordered_at": None, "failure": "", **changes}
        moved = replace(instance, state=state, version=instance.version + 1, **changes)
        await self._update(instance, moved)
        await self._events.add(
            [
                Move(
                    noun="instance",
                    id=instance.id,
                    from_state=instance.state,
                    event=event,
                    to_state=state,
                    at=at,
                    source=source,
                )
            ]
        )
        if state in _SEEN:
            await self._record(instance, moved, event, at)
        await self._watches.wake(moved.id, at=at)
        return moved

    async def _record(
        self, before: Instance, now: Instance, event: Event | None, at: datetime
    ) -> None:
        """What its machine was seen to do. Who asked for that is in the record of the call."""
        facts = {
            "before": before.state,
            "bootIdBefore": before.boot_id,
            "bootIdAfter": now.boot_id if now.boot_id != before.boot_id else None,
        }
        await self._audit.add(
            Record(
                kind=audit.Kind.POWER,
                at=at,
                action=f"machine:{now.state}",
                who="",
                outcome="StartFailed" if event is Event.START_FAILED else audit.OK,
                things=(f"instance/{now.id}",),
                facts=facts,
            )
        )

    async def restarted(self, instance: Instance, *, at: datetime, **changes: Any) -> Instance:
        """As ``note``, of one that was seen in another boot without having been asked for it."""
        changed = await self.note(instance, **changes)
        await self._record(instance, changed, None, at)
        return changed

    async def note(self, instance: Instance, **changes: Any) -> Instance:
        """Change fields of an instance that stays in its state."""
        changed = replace(instance, version=instance.version + 1, **changes)
        await self._update(instance, changed)
        return changed

    async def change(self, instance: Instance) -> None:
        """Keep it with other attributes, which no order is about."""
        await self._statements.change(
            "UPDATE instances SET name = ?, hostname = ?, description = ?, user_data = ?,"
            " deletion_protection = ?, version = version + 1 WHERE id = ?",
            instance.name,
            instance.hostname,
            instance.description,
            instance.user_data,
            int(instance.deletion_protection),
            instance.id,
        )

    async def poke(self, instance_id: InstanceId, *, at: datetime) -> None:
        """Make a standing order due, unless it waits for its agent's own doing."""
        await self._statements.change(
            "UPDATE instances SET due_at = ? WHERE id = ? AND due_at > ?",
            to_ms(at),
            instance_id,
            to_ms(at),
        )

    async def look_at(self, instance_id: InstanceId, *, at: datetime) -> None:
        """Make it due, whether it has a standing order or not."""
        await self._statements.change(
            "UPDATE instances SET due_at = ? WHERE id = ? AND (due_at IS NULL OR due_at > ?)",
            to_ms(at),
            instance_id,
            to_ms(at),
        )

    async def claim_due(
        self, *, now: datetime, lease: timedelta, by: str, limit: int
    ) -> list[Claim[Instance]]:
        """Take instances whose orders are due, each with a fence for the writes that follow.

        What ``by`` itself still holds is taken anew: it could not write what came of it.
        """
        rows = await self._statements.fetch(
            "UPDATE instances SET claimed_by = ?, claim_epoch = claim_epoch + 1, lease_until = ?"
            " WHERE id IN (SELECT id FROM instances WHERE due_at <= ?"
            " AND (lease_until IS NULL OR lease_until <= ? OR claimed_by = ?)"
            " ORDER BY due_at LIMIT ?)"
            f" RETURNING {_COLUMNS}, claim_epoch",
            by,
            to_ms(now + lease),
            to_ms(now),
            to_ms(now),
            by,
            limit,
        )
        return [Claim(item=_instance(row), by=by, epoch=row[_COUNT]) for row in rows]

    async def held(self, claim: Claim[Instance]) -> Instance | None:
        """The instance as it is now, if the claim still holds."""
        rows = await self._statements.fetch(
            f"SELECT {_COLUMNS} FROM instances WHERE id = ? AND claimed_by = ? AND claim_epoch = ?",
            claim.item.id,
            claim.by,
            claim.epoch,
        )
        return _instance(rows[0]) if rows else None

    async def give_back(self, claim: Claim[Instance]) -> None:
        await self._statements.change(
            "UPDATE instances SET claimed_by = NULL, lease_until = NULL"
            " WHERE id = ? AND claimed_by = ? AND claim_epoch = ?",
            claim.item.id,
            claim.by,
            claim.epoch,
        )

    async def free_claims(self) -> None:
        """Free every claim: the process that held them is no more, and this is the only one."""
        await self._statements.change(
            "UPDATE instances SET claimed_by = NULL, lease_until = NULL"
            " WHERE claimed_by IS NOT NULL"
        )

    async def next_due(self) -> datetime | None:
        """Of those that nobody has claimed."""
        rows = await self._statements.fetch(
            "SELECT min(due_at) FROM instances WHERE due_at IS NOT NULL AND claimed_by IS NULL"
        )
        return from_ms(rows[0][0])

    async def _update(self, before: Instance, after: Instance) -> None:
        changed = await self._statements.change(
            "UPDATE instances SET name = ?, state = ?, version = ?, started_at = ?, due_at = ?,"
            " ordered_at = ?, forced = ?, boot_id = ?, from_boot_id = ?, failure = ?"
            " WHERE id = ? AND version = ?",
            after.name,
            after.state,
            after.version,
            to_ms(after.started_at),
            to_ms(after.due_at),
            to_ms(after.ordered_at),
            int(after.forced),
            after.boot_id,
            after.from_boot_id,
            after.failure,
            before.id,
            before.version,
        )
        if not changed:
            raise RuntimeError(f"cannot change {before.id}: somebody else did")


def _condition(wanted: InstanceFilter) -> tuple[str, list[object]]:
    condition, tag_values = tags_condition(wanted.tags)
    condition += " AND state <> 'Released'"
    values: list[object] = list(tag_values)
    for column, one in (
        ("zone_id", wanted.zone_id),
        ("image_id", wanted.image_id),
        ("instance_type", wanted.instance_type),
        ("resource_group_id", wanted.resource_group_id),
    ):
        if one:
            condition += f" AND {column} = ?"
            values.append(one)
    if wanted.ids is not None:
        condition += f" AND id IN ({marks(wanted.ids)})"
        values += sorted(wanted.ids)
    if wanted.private_ips:
        condition += f" AND private_ip IN ({marks(wanted.private_ips)})"
        values += sorted(wanted.private_ips)
    if wanted.states:
        states = [state for state in State if shown(state) in wanted.states]
        condition += f" AND state IN ({marks(states)})"
        values += states
    if wanted.names:
        condition += " AND (" + " OR ".join(["name LIKE ? ESCAPE '\\'"] * len(wanted.names)) + ")"
        values += [like(name) for name in sorted(wanted.names)]
    if wanted.created_from is not None:
        condition += " AND created_at >= ?"
        values.append(to_ms(wanted.created_from))
    return condition, values


def _row(instance: Instance) -> tuple[object, ...]:
    return (
        instance.id,
        instance.name,
        instance.hostname,
        instance.description,
        instance.state,
        instance.version,
        instance.region_id,
        instance.zone_id,
        instance.image_id,
        instance.instance_type,
        instance.private_ip,
        to_ms(instance.created_at),
        to_ms(instance.started_at),
        to_ms(instance.due_at),
        to_ms(instance.ordered_at),
        int(instance.forced),
        instance.boot_id,
        instance.from_boot_id,
        instance.failure,
        instance.activation_id,
        instance.user_data,
        to_json(instance.tags),
        instance.resource_group_id,
        int(instance.deletion_protection),
        int(instance.starts),
    )


def _instance(row: Row) -> Instance:
    return Instance(
        id=row[0],
        name=row[1],
        hostname=row[2],
        description=row[3],
        state=State(row[4]),
        version=row[5],
        region_id=row[6],
        zone_id=row[7],
        image_id=row[8],
        instance_type=row[9],
        private_ip=row[10],
        created_at=moment(row[11]),
        started_at=from_ms(row[12]),
        due_at=from_ms(row[13]),
        ordered_at=from_ms(row[14]),
        forced=bool(row[15]),
        boot_id=row[16],
        from_boot_id=row[17],
        failure=row[18],
        activation_id=row[19],
        user_data=row[20],
        tags=json.loads(row[21]),
        resource_group_id=row[22],
        deletion_protection=bool(row[23]),
        starts=bool(row[24]),
    )
