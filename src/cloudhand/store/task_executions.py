"""Runs of tasks, and of the items of looped tasks. They are moved here or nowhere."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cloudhand.core import ids
from cloudhand.core.ids import ExecutionId, TaskExecutionId
from cloudhand.core.orders import TaskFilter
from cloudhand.core.page import Page, Window
from cloudhand.core.task import TASK, Loop, Notice, TaskExecution, Wait
from cloudhand.core.task import Event as TaskEvent
from cloudhand.core.task import State as TaskState
from cloudhand.store.cursors import paged
from cloudhand.store.database import Changed, Row, Statements
from cloudhand.store.envelope import Envelope
from cloudhand.store.events import Events, Move
from cloudhand.store.rows import from_ms, marks, moment, to_json, to_ms
from cloudhand.store.sealed import Sealing
from cloudhand.store.watches import Watches

_COLUMNS = (
    "id, execution_id, parent_id, number, name, action, state, version, batch, item, attempt,"
    " created_at, started_at, ended_at, updated_at, due_at, properties, memo, outputs, following,"
    " child_id, error_code, message, waits_for, cancel_asked, notices, loop, wakes, hidden"
)
_COUNT = 29
# What an ended task was given and gave is fetched only where it is needed.
_LIGHT = _COLUMNS.replace(
    "properties, memo, outputs",
    "CASE WHEN ended_at IS NULL THEN properties ELSE '{}' END, memo, '{}'",
)
_OF_RESOURCES = (
    "id IN (SELECT max(id) FROM task_executions WHERE execution_id = ? AND parent_id IS NOT NULL"
    " AND (item LIKE '\"i-%' OR item LIKE '\"mi-%') GROUP BY item)"
)
_SORTS = {"StartDate": "coalesce(started_at, 0)", "EndDate": "coalesce(ended_at, 0)",
          "Status": "state"}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Change:
    """What became of a task; ``event`` None: it is in the state that it was in."""

    before: TaskExecution
    event: TaskEvent | None
    after: TaskExecution


class TaskExecutions:
    def __init__(
        self, statements: Statements, events: Events, watches: Watches, envelope: Envelope
    ) -> None:
        self._statements = statements
        self._events = events
        self._watches = watches
        self._sealing = Sealing(envelope)

    async def add(self, tasks: Sequence[TaskExecution]) -> None:
        await self._statements.change_many(
            f"INSERT INTO task_executions ({_COLUMNS}) VALUES ({marks(range(_COUNT))})",
            [self._row(task) for task in tasks],
        )

    async def top(self, execution_id: ExecutionId) -> list[TaskExecution]:
        """Those of an execution in their order, without items; ended ones without outputs."""
        rows = await self._statements.fetch(
            f"SELECT {_LIGHT} FROM task_executions"
            " WHERE execution_id = ? AND parent_id IS NULL ORDER BY number",
            execution_id,
        )
        return [self._task(row) for row in rows]

    async def due(
        self, execution_id: ExecutionId, *, now: datetime, limit: int
    ) -> list[TaskExecution]:
        """Tasks whose action is to look."""
        rows = await self._statements.fetch(
            f"SELECT {_COLUMNS} FROM task_executions"
            " WHERE execution_id = ? AND due_at <= ? ORDER BY due_at, number LIMIT ?",
            execution_id,
            to_ms(now),
            limit,
        )
        return [self._task(row) for row in rows]

    async def waiting(self, execution_id: ExecutionId) -> list[TaskExecution]:
        """Those, and the items, that wait for a person, a moment or an event."""
        rows = await self._statements.fetch(
            f"SELECT {_COLUMNS} FROM task_executions"
            " WHERE execution_id = ? AND state = 'Waiting' ORDER BY id",
            execution_id,
        )
        return [self._task(row) for row in rows]

    async def items(
        self, task_id: TaskExecutionId, wanted: range | None = None, *, open_only: bool = False
    ) -> list[TaskExecution]:
        """Items of a looped task in their order: some by number, or those that have not ended."""
        # With its execution, it is found by number however many there are.
        condition = "execution_id = ? AND parent_id = ?"
        values = [ids.execution_of(task_id), task_id]
        bounds: list[int] = []
        if wanted is not None:
            condition += " AND number >= ? AND number < ?"
            bounds = [wanted.start, wanted.stop]
        if open_only:
            condition += " AND state IN ('Running', 'Waiting')"
        rows = await self._statements.fetch(
            f"SELECT {_COLUMNS} FROM task_executions WHERE {condition} ORDER BY number",
            *values,
            *bounds,
        )
        return [self._task(row) for row in rows]

    async def end_pending(self, task_id: TaskExecutionId, event: TaskEvent, *, at: datetime) -> int:
        """End the items whose turn has not come; how many they were."""
        state = TASK.move(TaskState.PENDING, event)
        await self._statements.change(
            "INSERT INTO events (noun, id, from_state, event, to_state, at, source)"
            " SELECT 'task', id, state, ?, ?, ?, 'executions' FROM task_executions"
            " WHERE parent_id = ? AND state = 'Pending' ORDER BY number",
            event,
            state,
            to_ms(at),
            task_id,
        )
        return await self._statements.change(
            "UPDATE task_executions SET state = ?, version = version + 1, ended_at = ?,"
            " updated_at = ? WHERE parent_id = ? AND state = 'Pending'",
            state,
            to_ms(at),
            to_ms(at),
            task_id,
        )

    async def outputs_of_items(self, task_id: TaskExecutionId) -> list[dict[str, Any]]:
        """What the items that succeeded gave, in their order."""
        rows = await self._statements.fetch(
            "SELECT id, outputs FROM task_executions"
            " WHERE parent_id = ? AND state = 'Success' ORDER BY number",
            task_id,
        )
        return [self._sealing.read(row[1], purpose=f"{row[0]} outputs") for row in rows]

    async def outputs(
        self, execution_id: ExecutionId, names: Sequence[str]
    ) -> dict[str, dict[str, Any]]:
        """What tasks gave, by their names in lower case."""
        rows = await self._statements.fetch(
            "SELECT lower(name), id, outputs FROM task_executions"
            f" WHERE execution_id = ? AND parent_id IS NULL AND lower(name) IN ({marks(names)})",
            execution_id,
            *names,
        )
        return {row[0]: self._sealing.read(row[2], purpose=f"{row[1]} outputs") for row in rows}

    async def get(self, task_id: TaskExecutionId) -> TaskExecution | None:
        rows = await self._statements.fetch(
            f"SELECT {_COLUMNS} FROM task_executions WHERE id = ?", task_id
        )
        return self._task(rows[0]) if rows else None

    async def get_many(self, task_ids: Sequence[str]) -> dict[str, TaskExecution]:
        rows = await self._statements.fetch(
            f"SELECT {_COLUMNS} FROM task_executions WHERE id IN ({marks(task_ids)})", *task_ids
        )
        return {row[0]: self._task(row) for row in rows}

    async def find(self, wanted: TaskFilter, window: Window) -> Page[TaskExecution]:
        condition, values = _condition(wanted)
        key = _SORTS[wanted.sort_field]
        rows, total, after = await paged(
            self._statements,
            f"SELECT {_COLUMNS}, {key}, id FROM task_executions WHERE {condition}",
            values,
            keys=(key, "id"),
            window=window,
            ascending=wanted.ascending,
        )
        return Page(items=[self._task(row) for row in rows], total=total, next=after)

    async def counts(self, execution_id: ExecutionId) -> dict[str, int]:
        """How many are in each state: items in place of the looped tasks that they belong to."""
        rows = await self._statements.fetch(
            "SELECT state, count(*) FROM task_executions"
            " WHERE execution_id = ? AND loop IS NULL GROUP BY state",
            execution_id,
        )
        return {row[0]: row[1] for row in rows}

    async def resource_states(self, execution_id: ExecutionId) -> dict[str, int]:
        """How many instances are in each state: that of the last item that was about it."""
        rows = await self._statements.fetch(
            f"SELECT state, count(*) FROM task_executions WHERE {_OF_RESOURCES} GROUP BY state",
            execution_id,
        )
        return {row[0]: row[1] for row in rows}

    async def of_resources(self, execution_id: ExecutionId, window: Window) -> Page[TaskExecution]:
        """The last item that was about each instance, in the order of the instances."""
        rows, total, after = await paged(
            self._statements,
            f"SELECT {_COLUMNS}, item, id FROM task_executions WHERE {_OF_RESOURCES}",
            [execution_id],
            keys=("item", "id"),
            window=window,
            ascending=True,
        )
        return Page(items=[self._task(row) for row in rows], total=total, next=after)

    async def save(self, changes: Sequence[Change], *, source: str) -> None:
        """Changed when somebody else has changed one of them since it was read."""
        moves = []
        for change in changes:
            await self._update(change)
            before, after = change.before, change.after
            if change.event is None:
                continue
            if TASK.move(before.state, change.event) is not after.state:
                raise RuntimeError(f"cannot save {before.id}: its table says otherwise")
            moves.append(
                Move(
                    noun="task",
                    id=after.id,
                    from_state=before.state,
                    event=change.event,
                    to_state=after.state,
                    at=after.updated_at,
                    source=source,
                )
            )
        await self._events.add(moves)
        await self._watches.remove(
            [change.after.id for change in changes if change.after.final and change.event]
        )

    async def _update(self, change: Change) -> None:
        before, after = change.before, change.after
        changed = await self._statements.change(
            "UPDATE task_executions SET state = ?, version = ?, attempt = ?, started_at = ?,"
            " ended_at = ?, updated_at = ?,"
            # What has changed since it was read is worth another look at once.
            " due_at = CASE WHEN ? THEN NULL WHEN wakes <> ? THEN due_at ELSE ? END,"
            " properties = ?, memo = ?, outputs = ?, following = ?, child_id = ?, error_code = ?,"
            " message = ?, waits_for = ?, cancel_asked = ?, notices = ?, loop = ?"
            " WHERE id = ? AND version = ?",
            after.state,
            after.version,
            after.attempt,
            to_ms(after.started_at),
            to_ms(after.ended_at),
            to_ms(after.updated_at),
            int(after.final),
            before.wakes,
            to_ms(after.due_at),
            self._written(after, "properties"),
            self._written(after, "memo"),
            self._written(after, "outputs"),
            after.following,
            after.child_id,
            after.error_code,
            after.message,
            after.waits_for,
            int(after.cancel_asked),
            to_json([vars(notice) for notice in after.notices]),
            None if after.loop is None else to_json(vars(after.loop)),
            before.id,
            before.version,
        )
        if not changed:
            raise Changed(before.id)

    def _written(self, task: TaskExecution, column: str) -> str:
        """Which thing a loop is about can be asked for, unless that itself is hidden."""
        sealed = ("item",) in task.hidden if column == "item" else bool(task.hidden)
        value = getattr(task, column)
        return self._sealing.written(value, purpose=f"{task.id} {column}", sealed=sealed)

    def _row(self, task: TaskExecution) -> tuple[object, ...]:
        return (
            task.id,
            task.execution_id,
            task.parent_id,
            task.index,
            task.name,
            task.action,
            task.state,
            task.version,
            task.batch,
            self._written(task, "item"),
            task.attempt,
            to_ms(task.created_at),
            to_ms(task.started_at),
            to_ms(task.ended_at),
            to_ms(task.updated_at),
            to_ms(task.due_at),
            self._written(task, "properties"),
            self._written(task, "memo"),
            self._written(task, "outputs"),
            task.following,
            task.child_id,
            task.error_code,
            task.message,
            task.waits_for,
            int(task.cancel_asked),
            to_json([vars(notice) for notice in task.notices]),
            None if task.loop is None else to_json(vars(task.loop)),
            task.wakes,
            to_json(task.hidden),
        )

    def _task(self, row: Row) -> TaskExecution:
        return TaskExecution(
            id=row[0],
            execution_id=row[1],
            parent_id=row[2],
            index=row[3],
            name=row[4],
            action=row[5],
            state=TaskState(row[6]),
            version=row[7],
            batch=row[8],
            item=self._sealing.read(row[9], purpose=f"{row[0]} item"),
            attempt=row[10],
            created_at=moment(row[11]),
            started_at=from_ms(row[12]),
            ended_at=from_ms(row[13]),
            updated_at=moment(row[14]),
            due_at=from_ms(row[15]),
            properties=self._sealing.read(row[16], purpose=f"{row[0]} properties"),
            memo=self._sealing.read(row[17], purpose=f"{row[0]} memo"),
            outputs=self._sealing.read(row[18], purpose=f"{row[0]} outputs"),
            following=row[19],
            child_id=row[20],
            error_code=row[21],
            message=row[22],
            waits_for=Wait(row[23]),
            cancel_asked=bool(row[24]),
            notices=tuple(Notice(**notice) for notice in json.loads(row[25])),
            loop=None if row[26] is None else Loop(**json.loads(row[26])),
            wakes=row[27],
            hidden=tuple(map(tuple, json.loads(row[28]))),
        )


def _condition(wanted: TaskFilter) -> tuple[str, list[object]]:
    condition, values = "1 = 1", list[object]()
    for column, one in (
        ("execution_id", wanted.execution_id),
        ("id", wanted.task_id),
        ("parent_id", wanted.parent_id),
        ("name", wanted.name),
        ("action", wanted.action),
    ):
        if one:
            condition += f" AND {column} = ?"
            values.append(one)
    if not (wanted.parent_id or wanted.task_id or wanted.with_items):
        condition += " AND parent_id IS NULL"
    if wanted.states:
        condition += f" AND state IN ({marks(wanted.states)})"
        values += sorted(wanted.states)
    for column, sign, at in (
        ("started_at", ">=", wanted.started_from),
        ("started_at", "<=", wanted.started_until),
        ("ended_at", ">=", wanted.ended_from),
        ("ended_at", "<=", wanted.ended_until),
    ):
        if at is not None:
            condition += f" AND {column} {sign} ?"
            values.append(to_ms(at))
    return condition, values
