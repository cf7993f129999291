"""Client tokens: the same request is answered as before, and what it was is not to be found."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from cloudhand.core.errors import TokenReused
from cloudhand.core.orders import Once
from cloudhand.store.envelope import open_envelope
from cloudhand.store.sqlite import SqliteDatabase
from cloudhand.store.transaction import Transaction

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ONCE = Once(token="1/CreateSecretParameter/a", fingerprint="9f86d081884c7d659a2feaa0c55ad015")


async def test_a_request_is_remembered_without_a_trace_of_what_it_asked(tmp_path: Path) -> None:
    """Whoever has the file could try passwords against a fingerprint."""
    database = SqliteDatabase(tmp_path / "db", open_envelope(tmp_path / "key", new=True))

    async def remember(tx: Transaction) -> None:
        await tx.tokens.remember(ONCE, "told", at=NOW)

    async def earlier(tx: Transaction) -> str | None:
        return await tx.tokens.earlier(ONCE, str)

    async def other(tx: Transaction) -> str | None:
        return await tx.tokens.earlier(Once(token=ONCE.token, fingerprint="other"), str)

    await database.write(remember)
    assert await database.read(earlier) == "told"
    with pytest.raises(TokenReused):
        await database.read(other)
    await database.close()
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert ONCE.fingerprint.encode() not in written
