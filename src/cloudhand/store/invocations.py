"""Invocations and their targets. A target is moved here or nowhere."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from cloudhand.core import invocation as core
from cloudhand.core.command import Command, CommandType
from cloudhand.core.ids import InstanceId, InvokeId
from cloudhand.core.invocation import TARGET, Event, Invocation, State, Target
from cloudhand.core.orders import InvocationFilter
from cloudhand.core.page import Page, Window
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

_INVOCATION = (
    "id, created_at, command_id, command_name, command_type, content, detail, repeat_mode,"
    " resource_group_id, tags"
)
_TARGET = (
    "invoke_id, instance_id, state, version, created_at, updated_at, deadline_at, fetched_at,"
    " started_at, finished_at, stop_asked_at, boot_id, exit_code, error_code, error_info,"
    " dropped, inferred"
)
_TARGET_COUNT = 17

# The overall state of invocation i, as core.invocation.overall derives it; a test holds the two
# against each other.
_OVERALL = """(
    SELECT CASE
        WHEN sum(state = 'Pending') THEN 'Pending'
        WHEN sum(state = 'Running') THEN 'Running'
        WHEN sum(state = 'Stopping') THEN 'Stopping'
        WHEN sum(state NOT IN ('Cancelled', 'Terminated')) = 0 THEN 'Stopped'
        WHEN sum(state = 'Success') = 0 THEN 'Failed'
        WHEN sum(state IN ('Failed', 'Error', 'Timeout', 'Invalid', 'Aborted')) THEN 'PartialFailed'
        ELSE 'Success'
    END FROM targets WHERE invoke_id = invocations.id)"""


class Invocations:
    def __init__(self, statements: Statements, events: Events, watches: Watches) -> None:
        self._statements = statements
        self._events = events
        self._watches = watches

    async def add(self, invocation: Invocation, targets: Sequence[Target]) -> None:
        command = invocation.command
        await self._statements.change(
            f"INSERT INTO invocations ({_INVOCATION}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            invocation.id,
            to_ms(invocation.created_at),
            command.id,
            command.name,
            command.type,
            command.content,
            _detail(invocation),
            invocation.repeat_mode,
            invocation.resource_group_id,
            to_json(invocation.tags),
        )
        await self._statements.change_many(
            f"INSERT INTO targets ({_TARGET}) VALUES ({marks(range(_TARGET_COUNT))})",
            [_target_row(target) for target in targets],
        )

    async def get(self, invoke_id: InvokeId) -> Invocation | None:
        rows = await self._statements.fetch(
            f"SELECT {_INVOCATION} FROM invocations WHERE id = ?", invoke_id
        )
        return _invocation(rows[0]) if rows else None

    async def get_many(self, invoke_ids: Sequence[InvokeId]) -> dict[InvokeId, Invocation]:
        rows = await self._statements.fetch(
            f"SELECT {_INVOCATION} FROM invocations WHERE id IN ({marks(invoke_ids)})", *invoke_ids
        )
        return {row[0]: _invocation(row) for row in rows}

    async def target(self, invoke_id: InvokeId, instance_id: InstanceId) -> Target | None:
        rows = await self._statements.fetch(
            f"SELECT {_TARGET} FROM targets WHERE invoke_id = ? AND instance_id = ?",
            invoke_id,
            instance_id,
        )
        return _target(rows[0]) if rows else None

    async def targets(self, invoke_ids: Sequence[InvokeId]) -> list[Target]:
        """All targets of the invocations, in the order of their instance ids."""
        rows = await self._statements.fetch(
            f"SELECT {_TARGET} FROM targets WHERE invoke_id IN ({marks(invoke_ids)})"
            " ORDER BY invoke_id, instance_id",
            *invoke_ids,
        )
        return [_target(row) for row in rows]

    async def unfinished(self, instance_id: InstanceId) -> list[Target]:
        """What an instance still has to do, oldest first."""
        rows = await self._statements.fetch(
            f"SELECT {_TARGET} FROM targets"
            " WHERE instance_id = ? AND deadline_at IS NOT NULL ORDER BY created_at, invoke_id",
            instance_id,
        )
        return [_target(row) for row in rows]

    async def running_counts(self) -> dict[InstanceId, int]:
        rows = await self._statements.fetch(
            "SELECT instance_id, count(*) FROM targets"
            " WHERE deadline_at IS NOT NULL AND state <> 'Pending' GROUP BY instance_id"
        )
        return {instance_id: count for instance_id, count in rows}

    async def waiting_instances(self, *, since: datetime) -> list[InstanceId]:
        """Instances whose agents have had something to fetch ``since`` then, or longer."""
        rows = await self._statements.fetch(
            "SELECT DISTINCT instance_id FROM targets"
            " WHERE deadline_at IS NOT NULL AND state IN ('Pending', 'Stopping')"
            " AND updated_at <= ?",
            to_ms(since),
        )
        return [row[0] for row in rows]

    async def due(self, now: datetime) -> list[Target]:
        rows = await self._statements.fetch(
            f"SELECT {_TARGET} FROM targets WHERE deadline_at <= ? ORDER BY deadline_at LIMIT 500",
            to_ms(now),
        )
        return [_target(row) for row in rows]

    async def postpone(self, until: datetime) -> None:
        """No deadline falls before ``until``."""
        await self._statements.change(
            "UPDATE targets SET deadline_at = ? WHERE deadline_at < ?", to_ms(until), to_ms(until)
        )

    async def next_deadline(self) -> datetime | None:
        rows = await self._statements.fetch(
            "SELECT min(deadline_at) FROM targets WHERE deadline_at IS NOT NULL"
        )
        return from_ms(rows[0][0])

    async def move(
        self, target: Target, event: Event, *, at: datetime, source: str, **changes: Any
    ) -> Target:
        """Apply an event, and ``changes`` to other fields. IllegalMove leaves all as it was."""
        return await self._save(
            target, TARGET.move(target.state, event), event, at, source, changes
        )

    async def correct(
        self, target: Target, event: Event, *, at: datetime, source: str, **changes: Any
    ) -> Target:
        """Replace an inferred verdict by what the agent testifies; it is inferred no more."""
        state = core.corrected(target, event)
        return await self._save(target, state, event, at, source, {**changes, "inferred": False})

    async def note(self, target: Target, **changes: Any) -> Target:
        """Change fields of a target that stays in its state."""
        changed = replace(target, version=target.version + 1, **changes)
        await self._update(target, changed)
        return changed

    async def _save(
        self,
        target: Target,
        state: State,
        event: Event,
        at: datetime,
        source: str,
        changes: dict[str, Any],
    ) -> Target:
        if state in TARGET.final:
            changes["deadline_at"] = None
        moved = replace(target, state=state, version=target.version + 1, updated_at=at, **changes)
        await self._update(target, moved)
        await self._events.add(
            [
                Move(
                    noun="target",
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

    async def _update(self, before: Target, after: Target) -> None:
        changed = await self._statements.change(
            "UPDATE targets SET state = ?, version = ?, updated_at = ?, deadline_at = ?,"
            " fetched_at = ?, started_at = ?, finished_at = ?, stop_asked_at = ?, boot_id = ?,"
            " exit_code = ?, error_code = ?, error_info = ?, dropped = ?, inferred = ?"
            " WHERE invoke_id = ? AND instance_id = ? AND version = ?",
            after.state,
            after.version,
            to_ms(after.updated_at),
            to_ms(after.deadline_at),
            to_ms(after.fetched_at),
            to_ms(after.started_at),
            to_ms(after.finished_at),
            to_ms(after.stop_asked_at),
            after.boot_id,
            after.exit_code,
            after.error_code,
            after.error_info,
            after.dropped,
            int(after.inferred),
            before.invoke_id,
            before.instance_id,
            before.version,
        )
        if not changed:
            raise RuntimeError(
                f"cannot move {before.invoke_id} on {before.instance_id}: somebody else did"
            )

    async def find(self, wanted: InvocationFilter, window: Window) -> Page[Invocation]:
        """Newest first."""
        condition, values = _invocation_condition(wanted)
        if wanted.instance_id is not None:
            condition += (
                " AND EXISTS (SELECT 1 FROM targets"
                " WHERE invoke_id = invocations.id AND instance_id = ?)"
            )
            values.append(wanted.instance_id)
        if wanted.states:
            condition += f" AND {_OVERALL} IN ({marks(wanted.states)})"
            values += sorted(wanted.states)
        rows, total, after = await paged(
            self._statements,
            f"SELECT {_INVOCATION}, created_at, id FROM invocations WHERE {condition}",
            values,
            keys=("created_at", "id"),
            window=window,
        )
        return Page(items=[_invocation(row) for row in rows], total=total, next=after)

    async def find_targets(self, wanted: InvocationFilter, window: Window) -> Page[Target]:
        """Newest invocation first."""
        condition, values = _invocation_condition(wanted)
        condition = (
            "1 = 1"
            if condition == "1 = 1"
            else f"invoke_id IN (SELECT id FROM invocations WHERE {condition})"
        )
        if wanted.instance_id is not None:
            condition += " AND instance_id = ?"
            values.append(wanted.instance_id)
        if wanted.states:
            condition += f" AND state IN ({marks(wanted.states)})"
            values += sorted(wanted.states)
        keys = ("created_at", "invoke_id", "instance_id")
        rows, total, after = await paged(
            self._statements,
            f"SELECT {_TARGET}, {', '.join(keys)} FROM targets WHERE {condition}",
            values,
            keys=keys,
            window=window,
        )
        return Page(items=[_target(row) for row in rows], total=total, next=after)

    async def forget(self, *, before: datetime) -> int:
        """Drop invocations of which every target ended before; how many."""
        return await self._statements.change(
            "DELETE FROM invocations WHERE created_at < ? AND NOT EXISTS (SELECT 1 FROM targets"
            " WHERE invoke_id = invocations.id AND (deadline_at IS NOT NULL OR updated_at >= ?))",
            to_ms(before),
            to_ms(before),
        )


def _invocation_condition(wanted: InvocationFilter) -> tuple[str, list[object]]:
    """A condition on the table of invocations, without that of instances and states."""
    condition, tag_values = tags_condition(wanted.tags)
    values: list[object] = list(tag_values)
    for column, value in (
        ("id", wanted.invoke_id),
        ("command_id", wanted.command_id),
        ("command_type", wanted.command_type),
        ("repeat_mode", wanted.repeat_mode),
        ("resource_group_id", wanted.resource_group_id),
    ):
        if value:
            condition += f" AND {column} = ?"
            values.append(value)
    if wanted.command_name:
        condition += " AND command_name LIKE ? ESCAPE '\\'"
        values.append(like(wanted.command_name))
    return condition, values


def _detail(invocation: Invocation) -> str:
    command = invocation.command
    return to_json(
        {
            "description": command.description,
            "working_dir": command.working_dir,
            "timeout": command.timeout,
            "enable_parameter": command.enable_parameter,
            "launcher": command.launcher,
            "username": invocation.username,
            "parameters": dict(invocation.parameters),
            "termination_mode": invocation.termination_mode,
        }
    )


def _invocation(row: Row) -> Invocation:
    detail = json.loads(row[6])
    command = Command(
        id=row[2],
        name=row[3],
        type=CommandType(row[4]),
        content=row[5],
        description=detail["description"],
        working_dir=detail["working_dir"],
        timeout=detail["timeout"],
        enable_parameter=detail["enable_parameter"],
        launcher=detail["launcher"],
    )
    return Invocation(
        id=row[0],
        command=command,
        created_at=moment(row[1]),
        repeat_mode=core.RepeatMode(row[7]),
        username=detail["username"],
        parameters=detail["parameters"],
        termination_mode=detail["termination_mode"],
        resource_group_id=row[8],
        tags=json.loads(row[9]),
    )


def _target_row(target: Target) -> tuple[object, ...]:
    return (
        target.invoke_id,
        target.instance_id,
        target.state,
        target.version,
        to_ms(target.created_at),
        to_ms(target.updated_at),
        to_ms(target.deadline_at),
        to_ms(target.fetched_at),
        to_ms(target.started_at),
        to_ms(target.finished_at),
        to_ms(target.stop_asked_at),
        target.boot_id,
        target.exit_code,
        target.error_code,
        target.error_info,
        target.dropped,
        int(target.inferred),
    )


def _target(row: Row) -> Target:
    return Target(
        invoke_id=row[0],
        instance_id=row[1],
        state=State(row[2]),
        version=row[3],
        created_at=moment(row[4]),
        updated_at=moment(row[5]),
        deadline_at=from_ms(row[6]),
        fetched_at=from_ms(row[7]),
        started_at=from_ms(row[8]),
        finished_at=from_ms(row[9]),
        stop_asked_at=from_ms(row[10]),
        boot_id=row[11],
        exit_code=row[12],
        error_code=row[13],
        error_info=row[14],
        dropped=row[15],
        inferred=bool(row[16]),
    )
