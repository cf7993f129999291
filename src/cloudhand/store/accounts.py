"""Access keys."""

from __future__ import annotations

from datetime import datetime

from cloudhand.core.account import AccessKey
from cloudhand.store.database import Statements
from cloudhand.store.envelope import Envelope
from cloudhand.store.rows import to_ms


class Accounts:
    def __init__(self, statements: Statements, envelope: Envelope) -> None:
        self._statements = statements
        self._envelope = envelope

    async def keys(self) -> list[AccessKey]:
        """Oldest first."""
        rows = await self._statements.fetch(
            "SELECT id, secret, account_id, active FROM access_keys ORDER BY created_at, id"
        )
        return [
            AccessKey(
                id=key_id,
                secret=self._envelope.open(sealed, purpose=key_id).decode(),
                account_id=account_id,
                active=bool(active),
            )
            for key_id, sealed, account_id, active in rows
        ]

    async def add(self, key: AccessKey, *, at: datetime) -> None:
        await self._statements.change(
            "INSERT INTO access_keys (id, secret, account_id, active, created_at)"
            " VALUES (?, ?, ?, ?, ?)",
            key.id,
            self._envelope.seal(key.secret.encode(), purpose=key.id),
            key.account_id,
            int(key.active),
            to_ms(at),
        )
