"""Executions of templates. An execution is moved here or nowhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cloudhand.core import ids
from cloudhand.core.execution import (
    EXECUTION,
    Cancel,
    Event,
    Execution,
    State,
)
from cloudhand.core.ids import ExecutionId, TaskExecutionId
from cloudhand.core.orders import ExecutionFilter
from cloudhand.core.page import Page, Window
from cloudhand.store.claims import Claim
from cloudhand.store.cursors import paged
from cloudhand.store.database import Changed, Statements
from cloudhand.store.envelope import Envelope
from cloudhand.store.events import Events, Move
from cloudhand.store.execution_rows import COLUMNS, COUNT, ExecutionRows
from cloudhand.store.rows import from_ms, like, marks, tags_condition, to_json, to_ms
from cloudhand.store.watches import Watches

# What a root has started itself: its id, of a task of it, and nothing that is embedded there.
_FIRST_LEVEL = (
    "id <> root_id AND (parent_task_id IS NULL"
    " OR substr(parent_task_id, 1, length(root_id) + 2) = root_id || '.t'"
    " AND instr(substr(parent_task_id, length(root_id) + 3), '.t') = 0)"
)
# An execution, what was started for it, and what it has embedded if it is embedded itself.
_BELOW = "root_id = ? OR id = ? OR id >= ? AND id < ?"
_SORTS = {"StartDate": "created_at", "EndDate": "coalesce(ended_at, 0)", "Status": "state"}


@dataclass(frozen=True, kw_only=True)
class Held:
    """An execution that was claimed, and how often it had been poked until then."""

    claim: Claim[Execution]
    pokes: int


class Executions:
    def __init__(
        self, statements: Statements, events: Events, watches: Watches, envelope: Envelope
    ) -> None:
        self._statements = statements
        self._events = events
        self._watches = watches
        self._rows = ExecutionRows(envelope)

    async def add(self, execution: Execution) -> bool:
        """Whether it was not there yet: children have ids that are known before."""
        changed = await self._statements.change(
            f"INSERT INTO executions ({COLUMNS}) VALUES ({marks(range(COUNT))})"
            " ON CONFLICT DO NOTHING",
            *self._rows.of(execution),
        )
        return bool(changed)

    async def get(self, execution_id: ExecutionId) -> Execution | None:
        found = await self.get_many([execution_id])
        return found[0] if found else None

    async def get_many(self, execution_ids: Sequence[ExecutionId]) -> list[Execution]:
        rows = await self._statements.fetch(
            f"SELECT {COLUMNS} FROM executions WHERE id IN ({marks(execution_ids)}) ORDER BY id",
            *execution_ids,
        )
        return [self._rows.read(row) for row in rows]

    async def claim_due(
        self, *, now: datetime, lease: timedelta, by: str, limit: int
    ) -> list[Held]:
        """Take executions that are due, each with a fence for the writes that follow."""
        rows = await self._statements.fetch(
            "UPDATE executions SET claimed_by = ?, claim_epoch = claim_epoch + 1, lease_until = ?"
            " WHERE id IN (SELECT id FROM executions WHERE due_at <= ?"
            " AND (lease_until IS NULL OR lease_until <= ?) ORDER BY due_at, id LIMIT ?)"
            f" RETURNING {COLUMNS}, claim_epoch, pokes",
            by,
            to_ms(now + lease),
            to_ms(now),
            to_ms(now),
            limit,
        )
        return [
            Held(
                claim=Claim(item=self._rows.read(row), by=by, epoch=row[COUNT]),
                pokes=row[COUNT + 1],
            )
            for row in rows
        ]

    async def renew(self, held: Held, version: int, *, until: datetime) -> None:
        """Changed unless the claim still holds, and nobody else has changed the execution."""
        changed = await self._statements.change(
            "UPDATE executions SET lease_until = ?"
            " WHERE id = ? AND claimed_by = ? AND claim_epoch = ? AND version = ?",
            to_ms(until),
            held.claim.item.id,
            held.claim.by,
            held.claim.epoch,
            version,
        )
        if not changed:
            raise Changed(held.claim.item.id)

    async def give_back(
        self, held: Held, *, now: datetime, again_at: datetime | None = None
    ) -> None:
        """Due again when one of its tasks is, or now if it was poked meanwhile; not before now.

        ``again_at``: due then, whatever its tasks say, of which the first may not be written.
        """
        execution_id = held.claim.item.id
        await self._statements.change(
            "UPDATE executions SET claimed_by = NULL, lease_until = NULL, due_at = CASE"
            " WHEN state IN ('Success', 'Failed', 'Cancelled') THEN NULL"
            " WHEN pokes <> ? THEN ? WHEN ? IS NOT NULL THEN ?"
            # As the index says it: a loop may have thousands of items.
            " ELSE max(?, (SELECT min(due_at) FROM task_executions"
            " WHERE execution_id = ? AND due_at IS NOT NULL)) END"
            " WHERE id = ? AND claimed_by = ? AND claim_epoch = ?",
            held.pokes,
            to_ms(now),
            to_ms(again_at),
            to_ms(again_at),
            to_ms(now),
            execution_id,
            execution_id,
            held.claim.by,
            held.claim.epoch,
        )

    async def free_claims(self) -> None:
        """Free every claim: the process that held them is no more, and this is the only one."""
        await self._statements.change(
            "UPDATE executions SET claimed_by = NULL, lease_until = NULL"
            " WHERE claimed_by IS NOT NULL"
        )

    async def next_due(self) -> datetime | None:
        """Of those that nobody has claimed."""
        rows = await self._statements.fetch(
            "SELECT min(due_at) FROM executions WHERE due_at IS NOT NULL AND claimed_by IS NULL"
        )
        return from_ms(rows[0][0])

    async def save(
        self, before: Execution, event: Event | None, after: Execution, *, source: str
    ) -> None:
        """What became of an execution; whoever waits for that is woken. Changed.

        It stays due until it is given back, or has ended: whoever carries it out may be killed.
        """
        if event is not None and EXECUTION.move(before.state, event) is not after.state:
            raise RuntimeError(f"cannot save {before.id}: its table says otherwise")
        changed = await self._statements.change(
            "UPDATE executions SET state = ?, version = ?, started_at = ?, ended_at = ?,"
            " updated_at = ?, due_at = CASE WHEN ? THEN NULL ELSE due_at END, parameters = ?,"
            " outputs = ?, status_message = ?, waits_for = ?, cancel = ?, description = ?,"
            " resource_group_id = ?, tags = ? WHERE id = ? AND version = ?",
            after.state,
            after.version,
            to_ms(after.started_at),
            to_ms(after.ended_at),
            to_ms(after.updated_at),
            int(after.final),
            self._rows.written(after, "parameters"),
            self._rows.written(after, "outputs"),
            after.status_message,
            after.waits_for,
            after.cancel,
            after.description,
            after.resource_group_id,
            to_json(after.tags),
            before.id,
            before.version,
        )
        if not changed:
            raise Changed(before.id)
        if event is None:
            return
        await self._events.add(
            [
                Move(
                    noun="execution",
                    id=after.id,
                    from_state=before.state,
                    event=event,
                    to_state=after.state,
                    at=after.updated_at,
                    source=source,
                )
            ]
        )
        await self._watches.wake(after.id, at=after.updated_at)
        if after.parent_task_id is not None:
            parent = ids.execution_of(after.parent_task_id)
            await self._watches.wake_task(after.parent_task_id, parent, at=after.updated_at)

    async def poke(self, execution_id: ExecutionId, *, at: datetime) -> None:
        """Have somebody look at it."""
        await self._statements.change(
            "UPDATE executions SET due_at = ?, pokes = pokes + 1"
            " WHERE id = ? AND state NOT IN ('Success', 'Failed', 'Cancelled')",
            to_ms(at),
            execution_id,
        )

    async def ask_cancel(self, execution_id: ExecutionId, *, at: datetime) -> None:
        """Have it end as cancelled, unless it has ended."""
        await self._statements.change(
            "UPDATE executions SET cancel = ?, version = version + 1, updated_at = ?, due_at = ?,"
            " pokes = pokes + 1 WHERE id = ? AND state NOT IN ('Success', 'Failed', 'Cancelled')",
            Cancel.ASKED,
            to_ms(at),
            to_ms(at),
            execution_id,
        )

    async def find(self, wanted: ExecutionFilter, window: Window) -> Page[Execution]:
        condition, values = _condition(wanted)
        key = _SORTS[wanted.sort_field]
        rows, total, after = await paged(
            self._statements,
            f"SELECT {COLUMNS}, {key}, id FROM executions WHERE {condition}",
            values,
            keys=(key, "id"),
            window=window,
            ascending=wanted.ascending,
        )
        return Page(items=[self._rows.read(row) for row in rows], total=total, next=after)

    async def has_children(self, execution_id: ExecutionId) -> bool:
        rows = await self._statements.fetch(
            "SELECT 1 FROM executions WHERE root_id = ? AND id <> root_id LIMIT 1", execution_id
        )
        return bool(rows)

    async def last_child(
        self, task_id: TaskExecutionId, *, state: State | None = None
    ) -> Execution | None:
        """The newest execution that a task has started, or the newest one in a state."""
        rows = await self._statements.fetch(
            f"SELECT {COLUMNS} FROM executions WHERE parent_task_id = ?"
            " AND state = coalesce(?, state) ORDER BY created_at DESC, id DESC LIMIT 1",
            task_id,
            state,
        )
        return self._rows.read(rows[0]) if rows else None

    async def below(self, root_id: ExecutionId) -> list[ExecutionId]:
        """An execution and all that were started for it."""
        rows = await self._statements.fetch(
            f"SELECT id FROM executions WHERE {_BELOW}", *_below(root_id)
        )
        return [row[0] for row in rows]

    async def open_below(self, root_id: ExecutionId) -> list[tuple[ExecutionId, State]]:
        """Those of ``below`` that have not ended, the outermost first."""
        rows = await self._statements.fetch(
            f"SELECT id, state FROM executions WHERE ({_BELOW}) AND ended_at IS NULL ORDER BY id",
            *_below(root_id),
        )
        return [(row[0], State(row[1])) for row in rows]

    async def remove(self, execution_ids: Sequence[ExecutionId]) -> None:
        await self._statements.change_many(
            "DELETE FROM executions WHERE id = ?", [(one,) for one in execution_ids]
        )

    async def remove_ended_of(self, template_name: str) -> None:
        """Those of a template that have ended, with all that was started for them."""
        await self._statements.change(
            "DELETE FROM executions WHERE root_id IN (SELECT id FROM executions"
            " WHERE lower(template_name) = ? AND id = root_id AND ended_at IS NOT NULL)",
            template_name.lower(),
        )

    async def forget(self, *, before: datetime) -> None:
        """Those that ended before, with all that was started for them."""
        await self._statements.change(
            "DELETE FROM executions WHERE root_id IN"
            " (SELECT id FROM executions WHERE id = root_id AND ended_at < ?)",
            to_ms(before),
        )


def _below(execution_id: ExecutionId) -> tuple[str, ...]:
    return (execution_id, execution_id, f"{execution_id}.", f"{execution_id}/")


def _condition(wanted: ExecutionFilter) -> tuple[str, list[object]]:
    condition, tag_values = tags_condition(wanted.tags)
    values: list[object] = list(tag_values)
    for column, one in (
        ("id", wanted.execution_id),
        ("mode", wanted.mode),
        ("ram_role", wanted.ram_role),
        ("executed_by", wanted.executed_by),
        ("resource_group_id", wanted.resource_group_id),
        ("description", wanted.description),
        ("account_id", wanted.account_id),
    ):
        if one:
            condition += f" AND {column} = ?"
            values.append(one)
    if wanted.states:
        condition += f" AND state IN ({marks(wanted.states)})"
        values += sorted(wanted.states)
    if wanted.template_name:
        condition += " AND template_name LIKE ? ESCAPE '\\'"
        values.append(like(f"*{wanted.template_name}*"))
    if wanted.categories:
        condition += " AND (CASE trigger_category WHEN '' THEN 'Other' ELSE trigger_category END)"
        condition += f" IN ({marks(wanted.categories)})"
        values += sorted(wanted.categories)
    if wanted.parent_id:
        condition += " AND root_id = ? AND id <> root_id"
        values.append(wanted.parent_id)
    if wanted.first_level:
        condition += f" AND {_FIRST_LEVEL}"
    elif not (wanted.parent_id or wanted.execution_id or wanted.with_children):
        condition += " AND id = root_id"
    if wanted.resource_id:
        condition += (
            " AND (parameters LIKE ? ESCAPE '\\' OR EXISTS"
            " (SELECT 1 FROM task_executions WHERE execution_id = executions.id AND item = ?))"
        )
        values += [like(f'*"{wanted.resource_id}"*'), to_json(wanted.resource_id)]
    more, moments = _times(wanted)
    return condition + more, [*values, *moments]


def _times(wanted: ExecutionFilter) -> tuple[str, list[object]]:
    condition, values = "", list[object]()
    for column, sign, at in (
        ("created_at", ">=", wanted.started_from),
        ("created_at", "<=", wanted.started_until),
        ("ended_at", ">=", wanted.ended_from),
        ("ended_at", "<=", wanted.ended_until),
    ):
        if at is not None:
            condition += f" AND {column} {sign} ?"
            values.append(to_ms(at))
    return condition, values
