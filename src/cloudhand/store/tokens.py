"""Client tokens: what was answered to a request that may be repeated."""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar

import msgspec

from cloudhand.core.errors import TokenReused
from cloudhand.core.orders import Once
from cloudhand.store.database import Statements
from cloudhand.store.envelope import Envelope
from cloudhand.store.rows import to_ms

Answer = TypeVar("Answer")


class Tokens:
    def __init__(self, statements: Statements, envelope: Envelope) -> None:
        self._statements = statements
        self._envelope = envelope

    async def earlier(self, once: Once | None, answer: type[Answer]) -> Answer | None:
        """What was answered to this token before; TokenReused when it was asked something else."""
        if once is None:
            return None
        rows = await self._statements.fetch(
            "SELECT answer FROM client_tokens WHERE token = ?", once.token
        )
        if not rows:
            return None
        opened = self._envelope.open(rows[0][0], purpose=once.token)
        fingerprint, told = msgspec.json.decode(opened, type=tuple[str, msgspec.Raw])
        if fingerprint != once.fingerprint:
            raise TokenReused(f"cannot use the token {once.token} for two different requests")
        return msgspec.json.decode(told, type=answer)

    async def remember(self, once: Once | None, answer: object, *, at: datetime) -> None:
        """Keep what is answered, of plain types and dataclasses.

        It is sealed, since it may be a code. So is the fingerprint: whoever knew it could try what
        was asked, which may have been to keep a password.
        """
        if once is None:
            return
        await self._statements.change(
            "INSERT INTO client_tokens (token, answer, created_at) VALUES (?, ?, ?)",
            once.token,
            self._envelope.seal(
                msgspec.json.encode((once.fingerprint, answer)), purpose=once.token
            ),
            to_ms(at),
        )

    async def forget(self, *, before: datetime, effects_before: datetime) -> None:
        """Effects are kept as long as their executions, which may have been asleep."""
        await self._statements.change(
            "DELETE FROM client_tokens WHERE created_at < ?"
            " AND (created_at < ? OR token NOT LIKE 'effect/%')",
            to_ms(before),
            to_ms(effects_before),
        )
