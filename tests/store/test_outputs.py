"""Outputs: read from any place on, shown by their ends, cut when they are too many."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cloudhand.core.ids import InstanceId
from cloudhand.core.invocation import RunKey, State
from cloudhand.store.sqlite import SqliteDatabase
from cloudhand.store.transaction import Transaction
from tests.store.test_invocations import add, invocation, opened

NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    database = opened(tmp_path)
    yield database
    await database.close()


async def said(database: SqliteDatabase, *pieces: bytes, hour: int = 0) -> RunKey:
    """The key of a new run that has said this."""
    made = invocation(NOW + timedelta(hours=hour))
    await add(database, made, [State.RUNNING])
    key = made.id, InstanceId("i-0"), 0

    async def work(tx: Transaction) -> None:
        for piece in pieces:
            await tx.outputs.append(key, piece, position=None, limit=10_000)

    await database.write(work)
    return key


async def read(
    database: SqliteDatabase, key: RunKey, *, offset: int = 0, at_most: int = 1000
) -> tuple[int, bytes]:
    async def work(tx: Transaction) -> tuple[int, bytes]:
        return await tx.outputs.piece(key, offset=offset, at_most=at_most)

    return await database.read(work)


@pytest.mark.parametrize(
    ("offset", "at_most", "found"),
    [
        (0, 1000, (0, b"0123456789")),
        (0, 3, (0, b"012")),
        (2, 3, (2, b"234")),
        (3, 100, (3, b"3456789")),
        (9, 1, (9, b"9")),
        (10, 5, (10, b"")),
        (99, 5, (99, b"")),
    ],
)
async def test_an_output_is_read_from_any_place_on(
    database: SqliteDatabase, offset: int, at_most: int, found: tuple[int, bytes]
) -> None:
    key = await said(database, b"012", b"3456", b"789")
    assert await read(database, key, offset=offset, at_most=at_most) == found


async def test_an_output_of_many_pieces_is_read_in_turns(database: SqliteDatabase) -> None:
    whole = bytes(number % 256 for number in range(200))
    key = await said(database, *(whole[at : at + 1] for at in range(200)))
    offset, found = 0, b""
    while offset < 200:
        begin, piece = await read(database, key, offset=offset)
        assert begin == offset
        found += piece
        offset += len(piece)
    assert found == whole


async def test_the_ends_of_outputs_are_shown_with_how_long_they_are(
    database: SqliteDatabase,
) -> None:
    long = await said(database, b"0123", b"4567", b"89")
    short = await said(database, b"ab")
    silent = await said(database)

    async def work(tx: Transaction) -> tuple[dict[RunKey, int], dict[RunKey, bytes]]:
        sizes = await tx.outputs.sizes([long, short, silent])
        return sizes, await tx.outputs.tails(sizes, 5)

    sizes, tails = await database.read(work)
    assert sizes == {long: 10, short: 2}
    assert tails == {long: b"56789", short: b"ab"}


async def test_what_is_too_much_is_cut_from_the_oldest_which_keep_their_ends(
    database: SqliteDatabase,
) -> None:
    new = await said(database, *[b"n" * 10] * 5, hour=2)
    old = await said(database, *[b"o" * 10] * 5, hour=0)
    between = await said(database, *[b"b" * 10] * 5, hour=1)

    async def work(tx: Transaction) -> list[int]:
        before = await tx.outputs.total()
        await tx.outputs.cut(50, leave=10)
        return [before, await tx.outputs.total()]

    assert await database.write(work) == [150, 70]
    assert await read(database, old) == (40, b"o" * 10)
    assert await read(database, between) == (40, b"b" * 10)
    assert await read(database, new) == (0, b"n" * 50)
    assert await read(database, old, offset=45) == (45, b"o" * 5)


async def test_what_comes_after_a_cut_has_its_place(database: SqliteDatabase) -> None:
    key = await said(database, *[b"x" * 10] * 5)

    async def work(tx: Transaction) -> int:
        await tx.outputs.cut(1000, leave=10)
        return await tx.outputs.append(key, b"y" * 20, position=40, limit=10_000)

    assert await database.write(work) == 0
    assert await read(database, key) == (40, b"x" * 10 + b"y" * 10)
