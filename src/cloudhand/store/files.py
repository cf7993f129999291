"""Files that are sent to instances. What becomes of each is moved here or nowhere."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from cloudhand.core import file as core
from cloudhand.core.file import (
    FILE_TARGET,
    Event,
    File,
    FileFilter,
    FileInvocation,
    FileTarget,
    State,
)
from cloudhand.core.ids import InstanceId, InvokeId
from cloudhand.core.page import Page, Window
from cloudhand.store.cursors import paged
from cloudhand.store.database import Row, Statements
from cloudhand.store.events import Events, Move
from cloudhand.store.rows import from_ms, marks, moment, tags_condition, to_json, to_ms
from cloudhand.store.watches import Watches

_INVOCATION = "id, created_at, name, content, detail, resource_group_id, tags"
_TARGET = (
    "invoke_id, instance_id, state, version, created_at, updated_at, deadline_at, fetched_at,"
    " finished_at, error_code, error_info, inferred"
)
_TARGET_COUNT = 12

# The overall state of a file invocation, as core.file.overall derives it; a test holds the two
# against each other.
_OVERALL = """(
    SELECT CASE
        WHEN sum(state = 'Pending') THEN 'Pending'
        WHEN sum(state = 'Running') THEN 'Running'
        WHEN sum(state = 'Success') = 0 THEN 'Failed'
        WHEN sum(state <> 'Success') THEN 'PartialFailed'
        ELSE 'Success'
    END FROM file_targets WHERE invoke_id = file_invocations.id)"""


class Files:
    def __init__(self, statements: Statements, events: Events, watches: Watches) -> None:
        self._statements = statements
        self._events = events
        self._watches = watches

    async def add(self, invocation: FileInvocation, targets: Sequence[FileTarget]) -> None:
        await self._statements.change(
            f"INSERT INTO file_invocations ({_INVOCATION}) VALUES (?, ?, ?, ?, ?, ?, ?)",
            invocation.id,
            to_ms(invocation.created_at),
            invocation.file.name,
            invocation.file.content,
            _detail(invocation),
            invocation.resource_group_id,
            to_json(invocation.tags),
        )
        await self._statements.change_many(
            f"INSERT INTO file_targets ({_TARGET}) VALUES ({marks(range(_TARGET_COUNT))})",
            [_target_row(target) for target in targets],
        )

    async def get(self, invoke_id: InvokeId) -> FileInvocation | None:
        rows = await self._statements.fetch(
            f"SELECT {_INVOCATION} FROM file_invocations WHERE id = ?", invoke_id
        )
        return _invocation(rows[0]) if rows else None

    async def target(self, invoke_id: InvokeId, instance_id: InstanceId) -> FileTarget | None:
        rows = await self._statements.fetch(
            f"SELECT {_TARGET} FROM file_targets WHERE invoke_id = ? AND instance_id = ?",
            invoke_id,
            instance_id,
        )
        return _target(rows[0]) if rows else None

    async def targets(self, invoke_ids: Sequence[InvokeId]) -> list[FileTarget]:
        """All targets of the invocations, in the order of their instance ids."""
        rows = await self._statements.fetch(
            f"SELECT {_TARGET} FROM file_targets WHERE invoke_id IN ({marks(invoke_ids)})"
            " ORDER BY invoke_id, instance_id",
            *invoke_ids,
        )
        return [_target(row) for row in rows]

    async def unfinished(self, instance_id: InstanceId) -> list[FileTarget]:
        """What an instance has still to be sent, oldest first."""
        rows = await self._statements.fetch(
            f"SELECT {_TARGET} FROM file_targets"
            " WHERE instance_id = ? AND deadline_at IS NOT NULL ORDER BY created_at, invoke_id",
            instance_id,
        )
        return [_target(row) for row in rows]

    async def waiting_instances(self, *, since: datetime) -> list[InstanceId]:
        """Instances whose agents have had something to fetch ``since`` then, or longer.

        Our agents may be handed again what they have fetched; others write it again.
        """
        rows = await self._statements.fetch(
            "SELECT DISTINCT instance_id FROM file_targets"
            " WHERE deadline_at IS NOT NULL AND updated_at <= ? AND (state = 'Pending'"
            " OR instance_id IN (SELECT instance_id FROM agents WHERE kind = 'cloudhand'))",
            to_ms(since),
        )
        return [row[0] for row in rows]

    async def due(self, now: datetime) -> list[FileTarget]:
        rows = await self._statements.fetch(
            f"SELECT {_TARGET} FROM file_targets WHERE deadline_at <= ?"
            " ORDER BY deadline_at LIMIT 500",
            to_ms(now),
        )
        return [_target(row) for row in rows]

    async def postpone(self, until: datetime) -> None:
        """No deadline falls before ``until``."""
        await self._statements.change(
            "UPDATE file_targets SET deadline_at = ? WHERE deadline_at < ?",
            to_ms(until),
            to_ms(until),
        )

    async def hasten(self, instance_id: InstanceId, until: datetime) -> None:
        """No deadline of an instance falls behind ``until``."""
        await self._statements.change(
            "UPDATE file_targets SET deadline_at = ? WHERE instance_id = ? AND deadline_at > ?",
            to_ms(until),
            instance_id,
            to_ms(until),
        )

    async def next_deadline(self) -> datetime | None:
        rows = await self._statements.fetch(
            "SELECT min(deadline_at) FROM file_targets WHERE deadline_at IS NOT NULL"
        )
        return from_ms(rows[0][0])

    async def move(
        self, target: FileTarget, event: Event, *, at: datetime, source: str, **changes: Any
    ) -> FileTarget:
        """Apply an event, and ``changes`` to other fields. IllegalMove leaves all as it was."""
        state = FILE_TARGET.move(target.state, event)
        return await self._save(target, state, event, at, source, changes)

    async def correct(
        self, target: FileTarget, event: Event, *, at: datetime, source: str, **changes: Any
    ) -> FileTarget:
        """Replace an inferred verdict by what the agent testifies; it is inferred no more."""
        state = core.corrected(target, event)
        return await self._save(target, state, event, at, source, {**changes, "inferred": False})

    async def _save(
        self,
        target: FileTarget,
        state: State,
        event: Event,
        at: datetime,
        source: str,
        changes: dict[str, Any],
    ) -> FileTarget:
        if state in FILE_TARGET.final:
            changes = {"finished_at": at, **changes, "deadline_at": None}
        moved = replace(target, state=state, version=target.version + 1, updated_at=at, **changes)
        await self._update(target, moved)
        await self._events.add(
            [
                Move(
                    noun="file target",
                    id=f"{target.invoke_id}/{target.instance_id}",
                    from_state=target.state,
                    event=event,
                    to_state=state,
                    at=at,
                    source=source,
                )
            ]
        )
        if moved.final:
            await self._watches.wake(moved.invoke_id, at=at)
        return moved

    async def _update(self, before: FileTarget, after: FileTarget) -> None:
        changed = await self._statements.change(
            "UPDATE file_targets SET state = ?, version = ?, updated_at = ?, deadline_at = ?,"
            " fetched_at = ?, finished_at = ?, error_code = ?, error_info = ?, inferred = ?"
            " WHERE invoke_id = ? AND instance_id = ? AND version = ?",
            after.state,
            after.version,
            to_ms(after.updated_at),
            to_ms(after.deadline_at),
            to_ms(after.fetched_at),
            to_ms(after.finished_at),
            after.error_code,
            after.error_info,
            int(after.inferred),
            before.invoke_id,
            before.instance_id,
            before.version,
        )
        if not changed:
            raise RuntimeError(
                f"cannot move {before.invoke_id} on {before.instance_id}: somebody else did"
            )

    async def find(self, wanted: FileFilter, window: Window) -> Page[FileInvocation]:
        """Newest first."""
        condition, values = _condition(wanted)
        rows, total, after = await paged(
            self._statements,
            f"SELECT {_INVOCATION}, created_at, id FROM file_invocations WHERE {condition}",
            values,
            keys=("created_at", "id"),
            window=window,
        )
        return Page(items=[_invocation(row) for row in rows], total=total, next=after)

    async def forget(self, *, before: datetime) -> None:
        """Drop invocations of which every target ended before."""
        await self._statements.change(
            "DELETE FROM file_invocations WHERE created_at < ? AND NOT EXISTS (SELECT 1"
            " FROM file_targets WHERE invoke_id = file_invocations.id"
            " AND (deadline_at IS NOT NULL OR updated_at >= ?))",
            to_ms(before),
            to_ms(before),
        )


def _condition(wanted: FileFilter) -> tuple[str, list[object]]:
    condition, tag_values = tags_condition(wanted.tags)
    values: list[object] = list(tag_values)
    for column, value in (
        ("id", wanted.invoke_id),
        ("name", wanted.name),
        ("resource_group_id", wanted.resource_group_id),
    ):
        if value:
            condition += f" AND {column} = ?"
            values.append(value)
    if wanted.instance_id is not None:
        condition += (
            " AND EXISTS (SELECT 1 FROM file_targets"
            " WHERE invoke_id = file_invocations.id AND instance_id = ?)"
        )
        values.append(wanted.instance_id)
    if wanted.states:
        condition += f" AND {_OVERALL} IN ({marks(wanted.states)})"
        values += sorted(wanted.states)
    return condition, values


def _detail(invocation: FileInvocation) -> str:
    file = invocation.file
    return to_json(
        {
            "directory": file.directory,
            "owner": file.owner,
            "group": file.group,
            "mode": file.mode,
            "overwrite": file.overwrite,
            "in_base64": file.in_base64,
            "timeout": invocation.timeout,
            "description": invocation.description,
        }
    )


def _invocation(row: Row) -> FileInvocation:
    detail = json.loads(row[4])
    timeout, description = detail.pop("timeout"), detail.pop("description")
    return FileInvocation(
        id=row[0],
        file=File(name=row[2], content=row[3], **detail),
        created_at=moment(row[1]),
        timeout=timeout,
        description=description,
        resource_group_id=row[5],
        tags=json.loads(row[6]),
    )


def _target_row(target: FileTarget) -> tuple[object, ...]:
    return (
        target.invoke_id,
        target.instance_id,
        target.state,
        target.version,
        to_ms(target.created_at),
        to_ms(target.updated_at),
        to_ms(target.deadline_at),
        to_ms(target.fetched_at),
        to_ms(target.finished_at),
        target.error_code,
        target.error_info,
        int(target.inferred),
    )


def _target(row: Row) -> FileTarget:
    return FileTarget(
        invoke_id=row[0],
        instance_id=row[1],
        state=State(row[2]),
        version=row[3],
        created_at=moment(row[4]),
        updated_at=moment(row[5]),
        deadline_at=from_ms(row[6]),
        fetched_at=from_ms(row[7]),
        finished_at=from_ms(row[8]),
        error_code=row[9],
        error_info=row[10],
        inferred=bool(row[11]),
    )
