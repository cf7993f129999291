"""Terminal sessions. What becomes of each connection is moved here or nowhere."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from cloudhand.core.account import Kind
from cloudhand.core.ids import InstanceId, SessionId
from cloudhand.core.page import Page, Window
from cloudhand.core.session import (
    CONNECTION,
    Connection,
    Event,
    Opener,
    Session,
    SessionFilter,
    State,
    Terminal,
)
from cloudhand.store.cursors import paged
from cloudhand.store.database import Row, Statements
from cloudhand.store.events import Events, Move
from cloudhand.store.rows import from_ms, marks, moment, to_json, to_ms

_SESSION = "id, token_hash, created_at, terminal, opener"
_CONNECTION = (
    "session_id, instance_id, state, version, started_at, deadline_at, fetched_at, ended_at,"
    " closed_reason, detail"
)
_CONNECTION_COUNT = 10


class Sessions:
    def __init__(self, statements: Statements, events: Events) -> None:
        self._statements = statements
        self._events = events

    async def add(self, session: Session, connections: Sequence[Connection]) -> None:
        await self._statements.change(
            f"INSERT INTO sessions ({_SESSION}) VALUES (?, ?, ?, ?, ?)",
            session.id,
            session.token_hash,
            to_ms(session.created_at),
            to_json(asdict(session.terminal)),
            to_json(asdict(session.opener)),
        )
        await self._statements.change_many(
            f"INSERT INTO connections ({_CONNECTION}) VALUES ({marks(range(_CONNECTION_COUNT))})",
            [_connection_row(connection) for connection in connections],
        )

    async def get(self, session_id: SessionId) -> Session | None:
        rows = await self._statements.fetch(
            f"SELECT {_SESSION} FROM sessions WHERE id = ?", session_id
        )
        return _session(rows[0]) if rows else None

    async def connection(self, session_id: SessionId, instance_id: InstanceId) -> Connection | None:
        rows = await self._statements.fetch(
            f"SELECT {_CONNECTION} FROM connections WHERE session_id = ? AND instance_id = ?",
            session_id,
            instance_id,
        )
        return _connection(rows[0]) if rows else None

    async def connections(self, session_ids: Sequence[SessionId]) -> list[Connection]:
        """All connections of the sessions, in the order of their instance ids."""
        rows = await self._statements.fetch(
            f"SELECT {_CONNECTION} FROM connections WHERE session_id IN ({marks(session_ids)})"
            " ORDER BY session_id, instance_id",
            *session_ids,
        )
        return [_connection(row) for row in rows]

    async def open_to(self, instance_id: InstanceId) -> list[Connection]:
        """Those to an instance that have not ended, the oldest first."""
        rows = await self._statements.fetch(
            f"SELECT {_CONNECTION} FROM connections"
            " WHERE instance_id = ? AND deadline_at IS NOT NULL ORDER BY started_at, session_id",
            instance_id,
        )
        return [_connection(row) for row in rows]

    async def open_count(self) -> int:
        """How many sessions have not ended."""
        rows = await self._statements.fetch(
            "SELECT count(DISTINCT session_id) FROM connections WHERE deadline_at IS NOT NULL"
        )
        return int(rows[0][0])

    async def unfetched(self, *, since: datetime) -> list[Connection]:
        """Those that their agents have not fetched ``since`` then, or longer."""
        rows = await self._statements.fetch(
            f"SELECT {_CONNECTION} FROM connections"
            " WHERE deadline_at IS NOT NULL AND fetched_at IS NULL AND started_at <= ?",
            to_ms(since),
        )
        return [_connection(row) for row in rows]

    async def due(self, now: datetime) -> list[Connection]:
        rows = await self._statements.fetch(
            f"SELECT {_CONNECTION} FROM connections WHERE deadline_at <= ?"
            " ORDER BY deadline_at LIMIT 500",
            to_ms(now),
        )
        return [_connection(row) for row in rows]

    async def next_deadline(self) -> datetime | None:
        rows = await self._statements.fetch(
            "SELECT min(deadline_at) FROM connections WHERE deadline_at IS NOT NULL"
        )
        return from_ms(rows[0][0])

    async def postpone(self, until: datetime) -> None:
        """No deadline falls before ``until``."""
        await self._statements.change(
            "UPDATE connections SET deadline_at = ? WHERE deadline_at < ?",
            to_ms(until),
            to_ms(until),
        )

    async def fetched(self, connection: Connection, *, at: datetime, deadline_at: datetime) -> None:
        """Its agent has it, and is to open its end."""
        await self._update(
            connection,
            replace(
                connection,
                version=connection.version + 1,
                fetched_at=at,
                deadline_at=deadline_at,
            ),
        )

    async def move(
        self, connection: Connection, event: Event, *, at: datetime, source: str, **changes: Any
    ) -> Connection:
        """Apply an event, and ``changes`` to other fields. IllegalMove leaves all as it was."""
        state = CONNECTION.move(connection.state, event)
        if state in CONNECTION.final:
            changes = {**changes, "ended_at": at, "deadline_at": None}
        moved = replace(connection, state=state, version=connection.version + 1, **changes)
        await self._update(connection, moved)
        await self._events.add(
            [
                Move(
                    noun="connection",
                    id=f"{connection.session_id}/{connection.instance_id}",
                    from_state=connection.state,
                    event=event,
                    to_state=state,
                    at=at,
                    source=source,
                )
            ]
        )
        return moved

    async def _update(self, before: Connection, after: Connection) -> None:
        changed = await self._statements.change(
            "UPDATE connections SET state = ?, version = ?, deadline_at = ?, fetched_at = ?,"
            " ended_at = ?, closed_reason = ?, detail = ?"
            " WHERE session_id = ? AND instance_id = ? AND version = ?",
            after.state,
            after.version,
            to_ms(after.deadline_at),
            to_ms(after.fetched_at),
            to_ms(after.ended_at),
            after.closed_reason,
            after.detail,
            before.session_id,
            before.instance_id,
            before.version,
        )
        if not changed:
            raise RuntimeError(
                f"cannot move {before.session_id} on {before.instance_id}: somebody else did"
            )

    async def find(self, wanted: SessionFilter, window: Window) -> Page[Session]:
        """Newest first."""
        condition, values = _condition(wanted)
        rows, total, after = await paged(
            self._statements,
            f"SELECT {_SESSION}, created_at, id FROM sessions WHERE {condition}",
            values,
            keys=("created_at", "id"),
            window=window,
        )
        return Page(items=[_session(row) for row in rows], total=total, next=after)

    async def forget(self, *, before: datetime) -> None:
        """Drop sessions of which every connection ended before."""
        await self._statements.change(
            "DELETE FROM sessions WHERE created_at < ? AND NOT EXISTS (SELECT 1"
            " FROM connections WHERE session_id = sessions.id"
            " AND (deadline_at IS NOT NULL OR ended_at >= ?))",
            to_ms(before),
            to_ms(before),
        )


def _condition(wanted: SessionFilter) -> tuple[str, list[object]]:
    condition, values = "1 = 1", list[object]()
    if wanted.session_id is not None:
        condition += " AND id = ?"
        values.append(wanted.session_id)
    if wanted.instance_id is not None:
        condition += " AND id IN (SELECT session_id FROM connections WHERE instance_id = ?)"
        values.append(wanted.instance_id)
    return condition, values


def _session(row: Row) -> Session:
    opener = json.loads(row[4])
    return Session(
        id=row[0],
        token_hash=row[1],
        created_at=moment(row[2]),
        terminal=Terminal(**json.loads(row[3])),
        opener=Opener(**{**opener, "kind": Kind(opener["kind"])}),
    )


def _connection_row(connection: Connection) -> tuple[object, ...]:
    return (
        connection.session_id,
        connection.instance_id,
        connection.state,
        connection.version,
        to_ms(connection.started_at),
        to_ms(connection.deadline_at),
        to_ms(connection.fetched_at),
        to_ms(connection.ended_at),
        connection.closed_reason,
        connection.detail,
    )


def _connection(row: Row) -> Connection:
    return Connection(
        session_id=row[0],
        instance_id=row[1],
        state=State(row[2]),
        version=row[3],
        started_at=moment(row[4]),
        deadline_at=from_ms(row[5]),
        fetched_at=from_ms(row[6]),
        ended_at=from_ms(row[7]),
        closed_reason=row[8],
        detail=row[9],
    )
