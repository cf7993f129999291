"""Pages of many results: the same from either end, and found without reading everything."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cloudhand.core.ids import InstanceId, InvokeId
from cloudhand.core.invocation import State, Target
from cloudhand.core.orders import InvocationFilter
from cloudhand.core.page import Page, Window
from cloudhand.store.database import Row, Statements
from cloudhand.store.envelope import open_envelope
from cloudhand.store.sqlite import SqliteDatabase, migrate
from cloudhand.store.transaction import Transaction
from tests.store.test_invocations import add, invocation, opened

NOW = datetime(2026, 1, 2, tzinfo=UTC)
FILTERS = {
    "everything": InvocationFilter(),
    "an instance": InvocationFilter(instance_id=InstanceId("i-1")),
    "a state": InvocationFilter(states=frozenset({"Failed"})),
    "two states": InvocationFilter(states=frozenset({"Failed", "Success"})),
    "a tag": InvocationFilter(tags={"k": "v"}),
    "a tag of any value": InvocationFilter(tags={"k": ""}),
    "two tags": InvocationFilter(tags={"k": "v", "even": "yes"}),
    "a tag, an instance": InvocationFilter(tags={"k": "v"}, instance_id=InstanceId("i-1")),
    "a tag, a state": InvocationFilter(tags={"k": "v"}, states=frozenset({"Failed"})),
}
_of_filters = pytest.mark.parametrize("wanted", FILTERS.values(), ids=FILTERS)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    database = opened(tmp_path)
    for number in range(12):
        tags = ({"k": "v"} if number % 3 else {}) | ({"even": "yes"} if number % 2 == 0 else {})
        made = invocation(NOW + timedelta(seconds=number // 2), tags=tags)
        await add(database, made, [State.FAILED, State.SUCCESS, State.FAILED])
    yield database
    await database.close()


async def page(database: SqliteDatabase, wanted: InvocationFilter, window: Window) -> Page[Target]:
    return await database.read(lambda tx: tx.targets.find(wanted, window))


@_of_filters
async def test_pages_by_number_are_those_by_token(
    database: SqliteDatabase, wanted: InvocationFilter
) -> None:
    whole = (await page(database, wanted, Window(limit=1000))).items
    assert [one.created_at for one in whole] == sorted(
        (one.created_at for one in whole), reverse=True
    )
    by_number: list[Target] = []
    for offset in range(0, len(whole) + 5, 5):
        part = await page(database, wanted, Window(limit=5, offset=offset))
        assert part.total == len(whole)
        assert bool(part.next) == (offset + 5 < len(whole))
        by_number += part.items
    by_token: list[Target] = []
    after = ""
    while True:
        part = await page(database, wanted, Window(limit=5, after=after, counted_to=7))
        assert part.total == (len(whole) if _counted_at_once(wanted) else min(len(whole), 7))
        by_token += part.items
        after = part.next
        if not after:
            break
    assert by_number == by_token == whole


def _counted_at_once(wanted: InvocationFilter) -> bool:
    return wanted.instance_id is None


async def test_targets_that_come_later_are_counted(database: SqliteDatabase) -> None:
    everything = InvocationFilter()
    some = (await page(database, everything, Window(limit=1))).items[0]
    more = Target(
        invoke_id=some.invoke_id,
        instance_id=InstanceId("i-9"),
        created_at=NOW,
        updated_at=NOW,
        deadline_at=NOW,
    )
    await database.write(lambda tx: tx.targets.add([more]))
    assert (await page(database, everything, Window(limit=1))).total == 37
    of_it = InvocationFilter(invoke_id=some.invoke_id)
    assert (await page(database, of_it, Window(limit=1))).total == 4


class Explaining(Statements):
    """Says what of a database would be read from its beginning to its end."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.scanned: set[str] = set()
        self.steps: set[str] = set()

    async def fetch(self, sql: str, *values: object) -> list[Row]:
        plan = self._connection.execute(f"EXPLAIN QUERY PLAN {sql}", values).fetchall()
        self.steps |= {line[3] for line in plan}
        self.scanned |= {line[3] for line in plan if line[3].startswith("SCAN")}
        return self._connection.execute(sql, values).fetchall()

    async def change(self, sql: str, *values: object) -> int:
        raise AssertionError(sql)

    async def change_many(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        raise AssertionError(sql)


@pytest.mark.parametrize("name", [name for name in FILTERS if "tag" in name or "state" in name])
async def test_a_page_of_some_reads_no_others(tmp_path: Path, name: str) -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrate(connection)
        explaining = Explaining(connection)
        tx = Transaction(explaining, open_envelope(tmp_path / "key", new=True))
        await tx.targets.find(FILTERS[name], Window(limit=10))
        await tx.targets.find(FILTERS[name], Window(limit=10, offset=100))
        assert explaining.scanned == set()
        assert "USE TEMP B-TREE FOR ORDER BY" not in explaining.steps


@pytest.mark.parametrize("keys", [1, 50])
async def test_what_belongs_to_results_is_found_by_its_key(tmp_path: Path, keys: int) -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrate(connection)
        explaining = Explaining(connection)
        tx = Transaction(explaining, open_envelope(tmp_path / "key", new=True))
        wanted: list[Any] = [(InvokeId(f"t-{n}"), InstanceId("i-1"), 0) for n in range(keys)]
        await tx.outputs.sizes(wanted)
        await tx.outputs.tails(dict.fromkeys(wanted, 100), 10)
        await tx.outputs.size(wanted[0])
        await tx.outputs.piece(wanted[0], offset=0, at_most=10)
        await tx.power_actions.of(wanted)
        await tx.past_runs.get(wanted[0])
        await tx.invocations.get_many([key[0] for key in wanted])
        await tx.targets.of([key[0] for key in wanted])
        await tx.targets.unfinished(InstanceId("i-1"))
        await tx.targets.coming(NOW)
        await tx.targets.awaiting_boot(InstanceId("i-1"))
        # Nothing but the keys themselves, which stand in the query.
        own = {"SCAN found", "SCAN CONSTANT ROW", f"SCAN {keys} CONSTANT ROWS"}
        assert explaining.scanned <= own
