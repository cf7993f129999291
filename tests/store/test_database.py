"""The writer that commits many pieces of work at once, and what survives it."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from collections.abc import Generator
from contextlib import closing
from datetime import UTC, datetime
from importlib import resources
from itertools import takewhile
from pathlib import Path

import pytest

from cloudhand.core.account import AccessKey
from cloudhand.core.errors import CloudhandError
from cloudhand.store.database import StoreError
from cloudhand.store.envelope import open_envelope
from cloudhand.store.sqlite import SqliteDatabase
from cloudhand.store.transaction import Transaction

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def opened(path: Path) -> SqliteDatabase:
    envelope = open_envelope(path / "key", new=not (path / "key").exists())
    return SqliteDatabase(path / "db", envelope, durable=False)


def key(name: str) -> AccessKey:
    return AccessKey(id=name, secret=f"secret of {name}", account_id="1")


async def names(database: SqliteDatabase) -> list[str]:
    async def work(tx: Transaction) -> list[str]:
        return [k.id for k in await tx.accounts.keys()]

    return await database.read(work)


async def test_work_of_many_callers_is_all_there(tmp_path: Path) -> None:
    database = opened(tmp_path)

    async def add(number: int) -> None:
        async def work(tx: Transaction) -> None:
            await tx.accounts.add(key(f"k{number:03d}"), at=NOW)

        await database.write(work)

    await asyncio.gather(*(add(number) for number in range(500)))
    assert await names(database) == [f"k{number:03d}" for number in range(500)]
    await database.close()


async def test_refused_work_is_undone_and_leaves_its_neighbours(tmp_path: Path) -> None:
    database = opened(tmp_path)

    async def good(tx: Transaction) -> None:
        await tx.accounts.add(key("good"), at=NOW)

    async def bad(tx: Transaction) -> None:
        await tx.accounts.add(key("bad"), at=NOW)
        raise CloudhandError("cannot do that")

    async def twice(tx: Transaction) -> None:
        await tx.accounts.add(key("twice"), at=NOW)
        await tx.accounts.add(key("twice"), at=NOW)

    outcomes = await asyncio.gather(
        database.write(bad), database.write(good), database.write(twice), return_exceptions=True
    )
    assert isinstance(outcomes[0], CloudhandError)
    assert outcomes[1] is None
    assert isinstance(outcomes[2], sqlite3.IntegrityError)
    assert await names(database) == ["good"]
    await database.close()


class Elsewhere:
    def __await__(self) -> Generator[None, None, None]:
        yield


async def test_work_that_awaits_anything_else_is_an_error(tmp_path: Path) -> None:
    database = opened(tmp_path)

    async def work(tx: Transaction) -> None:
        await Elsewhere()

    with pytest.raises(RuntimeError, match="awaited something"):
        await database.write(work)
    await database.close()


async def test_a_full_disk_refuses_what_does_not_fit_and_loses_nothing(tmp_path: Path) -> None:
    database = opened(tmp_path)

    async def small(tx: Transaction) -> None:
        await tx.accounts.add(key("small"), at=NOW)

    async def limit(tx: Transaction) -> None:
        statements = tx.accounts._statements
        pages = (await statements.fetch("PRAGMA page_count"))[0][0]
        await statements.fetch(f"PRAGMA max_page_count = {pages + 2}")

    async def large(tx: Transaction) -> None:
        big = AccessKey(id="large", secret="x" * 10_000_000, account_id="1")
        await tx.accounts.add(big, at=NOW)

    await database.write(limit)
    refused, kept = await asyncio.gather(
        database.write(large), database.write(small), return_exceptions=True
    )
    assert isinstance(refused, StoreError)
    assert kept is None
    assert await names(database) == ["small"]
    await database.close()


async def test_secrets_are_not_readable_in_the_file(tmp_path: Path) -> None:
    database = opened(tmp_path)

    async def work(tx: Transaction) -> None:
        await tx.accounts.add(key("k"), at=NOW)

    await database.write(work)
    await database.close()
    for path in tmp_path.iterdir():
        assert b"secret of k" not in path.read_bytes()
    os.replace(tmp_path / "key", tmp_path / "lost")
    again = opened(tmp_path)
    with pytest.raises(StoreError, match="wrong key"):
        await names(again)
    await again.close()


async def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "db")
    connection.execute("PRAGMA user_version = 999")
    connection.close()
    with pytest.raises(StoreError, match="newer than this release"):
        opened(tmp_path)


async def test_power_actions_of_before_they_could_be_refused_are_kept(tmp_path: Path) -> None:
    scripts = {
        entry.name: entry.read_text()
        for entry in resources.files("cloudhand.store.schema").iterdir()
        if entry.name.endswith(".sql")
    }
    before = list(takewhile(lambda name: "governor" not in name, sorted(scripts)))
    connection = sqlite3.connect(tmp_path / "db")
    for name in before:
        connection.executescript(scripts[name])
    rows = [
        ("p-1", "i-1", "t-1", 0, "restart", "Done", 2, 1, None, "b-1", "b-2", 5),
        ("p-2", "i-1", "t-2", 3, "stop", "Ordered", 1, 2, 9, "b-2", None, None),
    ]
    places = ", ".join("?" * 12)
    connection.executemany(f"INSERT INTO power_actions VALUES ({places})", rows)
    connection.execute(f"PRAGMA user_version = {len(before)}")
    connection.commit()
    connection.close()

    await opened(tmp_path).close()

    with closing(sqlite3.connect(tmp_path / "db")) as after:
        kept = after.execute("SELECT * FROM power_actions ORDER BY id").fetchall()
    # The agent was told to proceed when it asked.
    assert kept == [(*row, row[7], "") for row in rows]


_WRITER = """
import asyncio, sys
from pathlib import Path
from datetime import UTC, datetime
from cloudhand.core.account import AccessKey
from cloudhand.store.envelope import open_envelope
from cloudhand.store.sqlite import SqliteDatabase

async def main(path):
    database = SqliteDatabase(path / "db", open_envelope(path / "key", new=True))
    for number in range(10**6):
        async def work(tx):
            key = AccessKey(id=f"k{number:07d}", secret="s", account_id="1")
            await tx.accounts.add(key, at=datetime(2026, 1, 1, tzinfo=UTC))
        await database.write(work)
        print(number, flush=True)

asyncio.run(main(Path(sys.argv[1])))
"""


async def test_what_was_told_to_be_done_survives_a_kill(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        told = [int(writer.stdout.readline()) for _ in range(50)]
        writer.kill()
        told += [int(line) for line in writer.stdout]
    database = opened(tmp_path)
    assert len(await names(database)) in (len(told), len(told) + 1)
    await database.close()
