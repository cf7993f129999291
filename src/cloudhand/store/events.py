"""Every move that anything made, in order."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cloudhand.core.ids import ExecutionId
from cloudhand.core.page import Page, Window
from cloudhand.store.cursors import paged
from cloudhand.store.database import Row, Statements
from cloudhand.store.rows import moment, to_ms

log = logging.getLogger(__name__)

_INSERT = (
    "INSERT INTO events (noun, id, from_state, event, to_state, at, source)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)"
)


@dataclass(frozen=True, kw_only=True)
class Move:
    """One move. ``id`` of a target is its invocation and its instance, joined by a slash."""

    noun: str
    id: str
    from_state: str
    event: str
    to_state: str
    at: datetime
    source: str  # who brought the event: caller, agent, or the name of a loop


class Events:
    def __init__(self, statements: Statements) -> None:
        self._statements = statements

    async def add(self, moves: Sequence[Move]) -> None:
        await self._statements.change_many(
            _INSERT,
            [
                (m.noun, m.id, m.from_state, m.event, m.to_state, to_ms(m.at), m.source)
                for m in moves
            ],
        )
        if log.isEnabledFor(logging.INFO):
            for m in moves:
                log.info("move", extra=_fields(m))

    async def last_moved(self, noun: str, thing: str) -> datetime | None:
        """When a thing came into the state that it is in; None: it never moved, or long ago."""
        rows = await self._statements.fetch(
            "SELECT at FROM events WHERE id = ? AND noun = ? ORDER BY number DESC LIMIT 1",
            thing,
            noun,
        )
        return moment(rows[0][0]) if rows else None

    async def of_execution(
        self, execution_id: ExecutionId, window: Window, *, task_id: str = ""
    ) -> Page[Move]:
        """Of an execution and its tasks, or of one of these; the oldest first."""
        begin = task_id or execution_id
        # Ids of tasks go on with a dot; the next character is a slash.
        values: list[object] = [begin, f"{begin}/", execution_id]
        condition = "id >= ? AND id < ? AND (noun = 'task' OR noun = 'execution' AND id = ?)"
        # Children, of tasks and of triggers, have tasks of their own.
        if task_id:
            condition += " AND instr(substr(id, ?), '.t') = 0"
            values.append(len(task_id) + 1)
        else:
            behind = len(execution_id) + 1
            condition += (
                " AND (noun = 'execution'"
                " OR substr(id, ?, 2) = '.t' AND instr(substr(id, ?), '.t') = 0)"
            )
            values += [behind, behind + len(".t")]
        rows, total, after = await paged(
            self._statements,
            "SELECT noun, id, from_state, event, to_state, at, source, number"
            f" FROM events WHERE {condition}",
            values,
            keys=("number",),
            window=window,
            ascending=True,
        )
        return Page(items=[_move(row) for row in rows], total=total, next=after)

    async def forget(self, *, before: datetime, executions_before: datetime) -> int:
        """Moves of executions and their tasks are their log, and are kept as long as they are."""
        return await self._statements.change(
            "DELETE FROM events WHERE at < ? AND (at < ? OR noun NOT IN ('execution', 'task'))",
            to_ms(before),
            to_ms(executions_before),
        )


def _move(row: Row) -> Move:
    return Move(
        noun=row[0],
        id=row[1],
        from_state=row[2],
        event=row[3],
        to_state=row[4],
        at=moment(row[5]),
        source=row[6],
    )


def _fields(move: Move) -> dict[str, str]:
    return {
        "noun": move.noun,
        "id": move.id,
        "from": move.from_state,
        "event": move.event,
        "to": move.to_state,
        "source": move.source,
    }
