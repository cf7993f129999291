"""Access keys of an account, and the accounts that were opened beside the first."""

from __future__ import annotations

from datetime import datetime

from cloudhand.core.account import AccessKey, Account
from cloudhand.store.database import Statements
from cloudhand.store.envelope import Envelope
from cloudhand.store.rows import from_ms, moment, to_ms

_COLUMNS = "id, secret, account_id, active, of_whom, created_at, token, expires_at"


class Accounts:
    def __init__(self, statements: Statements, envelope: Envelope) -> None:
        self._statements = statements
        self._envelope = envelope

    async def keys(self) -> list[AccessKey]:
        """Oldest first."""
        rows = await self._statements.fetch(
            f"SELECT {_COLUMNS} FROM access_keys ORDER BY created_at, id"
        )
        return [
            AccessKey(
                id=key_id,
                secret=self._envelope.open(sealed, purpose=key_id).decode(),
                account_id=account_id,
                active=bool(active),
                of=of,
                created_at=from_ms(created_at),
                token_digest=token,
                expires_at=from_ms(expires_at),
            )
            for key_id, sealed, account_id, active, of, created_at, token, expires_at in rows
        ]

    async def add(self, key: AccessKey, *, at: datetime) -> None:
        await self._statements.change(
            f"INSERT INTO access_keys ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            key.id,
            self._envelope.seal(key.secret.encode(), purpose=key.id),
            key.account_id,
            int(key.active),
            key.of,
            to_ms(at),
            key.token_digest,
            to_ms(key.expires_at),
        )

    async def activate(self, key_id: str, *, active: bool) -> None:
        await self._statements.change(
            "UPDATE access_keys SET active = ? WHERE id = ?", int(active), key_id
        )

    async def remove(self, key_id: str) -> None:
        await self._statements.change("DELETE FROM access_keys WHERE id = ?", key_id)

    async def remove_expired(self, *, at: datetime) -> None:
        await self._statements.change("DELETE FROM access_keys WHERE expires_at <= ?", to_ms(at))

    async def remove_taken(self, account_id: str, role: str) -> None:
        """Those of whoever has taken a role."""
        await self._statements.change(
            "DELETE FROM access_keys WHERE account_id = ? AND of_whom GLOB ?",
            account_id,
            f"{role}/*",  # no name of a role has a character that means something here
        )

    # The accounts beside the first, whose own store knows them

    async def opened(self) -> list[Account]:
        """In the order of their names."""
        rows = await self._statements.fetch(
            "SELECT id, name, created_at FROM accounts ORDER BY name"
        )
        return [
            Account(id=account_id, name=name, created_at=moment(created_at))
            for account_id, name, created_at in rows
        ]

    async def open(self, account: Account) -> None:
        await self._statements.change(
            "INSERT INTO accounts (id, name, created_at) VALUES (?, ?, ?)",
            account.id,
            account.name,
            to_ms(account.created_at),
        )

    async def close(self, account_id: str) -> None:
        await self._statements.change("DELETE FROM accounts WHERE id = ?", account_id)
