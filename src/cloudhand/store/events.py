"""Every move that anything made, in order."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cloudhand.store.database import Statements
from cloudhand.store.rows import to_ms

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

    async def forget(self, *, before: datetime) -> int:
        return await self._statements.change("DELETE FROM events WHERE at < ?", to_ms(before))


def _fields(move: Move) -> dict[str, str]:
    return {
        "noun": move.noun,
        "id": move.id,
        "from": move.from_state,
        "event": move.event,
        "to": move.to_state,
        "source": move.source,
    }
