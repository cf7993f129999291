"""How many targets are in each state is counted as they come, move and go, and is never wrong."""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import timedelta
from importlib import resources
from pathlib import Path

import pytest

from cloudhand.core.ids import InstanceId
from cloudhand.core.invocation import TARGET, UNFINISHED, Event, State
from cloudhand.core.machine import IllegalMove
from cloudhand.store.database import Row
from cloudhand.store.sqlite import SqliteDatabase, migrate
from cloudhand.store.transaction import Transaction
from tests.store.test_invocations import NOW, add, invocation, opened, targets

_FIRST_WITH_COUNTS = "0013_counts_of_states.sql"


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    database = opened(tmp_path)
    yield database
    await database.close()


async def _fetch(database: SqliteDatabase, sql: str) -> list[Row]:
    return await database.read(lambda tx: tx.targets._statements.fetch(sql))


async def _check(database: SqliteDatabase) -> None:
    """What is counted against what is there."""
    there = Counter(
        (row[0], row[1]) for row in await _fetch(database, "SELECT invoke_id, state FROM targets")
    )
    told = await _fetch(database, "SELECT invoke_id, state, count FROM target_states")
    totals = await _fetch(database, "SELECT state, count FROM state_totals")
    assert {(row[0], row[1]): row[2] for row in told if row[2]} == there
    in_all: Counter[str] = Counter()
    for (_, state), count in there.items():
        in_all[state] += count
    assert {row[0]: row[1] for row in totals if row[1]} == in_all


@pytest.mark.parametrize("seed", range(8))
async def test_counts_are_those_of_the_rows_after_any_history(
    database: SqliteDatabase, seed: int
) -> None:
    dice = random.Random(seed)
    for step in range(60):
        at = NOW + timedelta(seconds=step)
        match dice.choice(("come", "alike", "move", "move", "move", "go")):
            case "come":
                states = dice.choices(list(State), k=dice.randrange(1, 6))
                await add(database, invocation(at), states)
            case "alike":
                made = invocation(at)
                (one,) = targets(made, [State.PENDING])
                ids = [InstanceId(f"i-{n}") for n in range(dice.randrange(1, 9))]

                async def alike(tx: Transaction) -> None:
                    await tx.invocations.add(made)  # noqa: B023  # awaited in this step
                    await tx.targets.add_alike(one, ids)  # noqa: B023

                await database.write(alike)
            case "move":
                await _move_one(database, dice)
            case "go":
                before = at - timedelta(seconds=dice.randrange(1, 20))
                await database.write(lambda tx: tx.invocations.forget(before=before))  # noqa: B023
        await _check(database)


async def _move_one(database: SqliteDatabase, dice: random.Random) -> None:
    rows = await _fetch(database, "SELECT invoke_id, instance_id FROM targets")
    if not rows:
        return
    invoke_id, instance_id = dice.choice(rows)
    events = dice.sample(list(Event), k=len(Event))

    async def move(tx: Transaction) -> None:
        target = await tx.targets.get(invoke_id, instance_id)
        assert target is not None
        for event in events:
            try:
                state = TARGET.move(target.state, event)
            except IllegalMove:
                continue
            deadline = NOW if state in UNFINISHED else None
            kept = {"deadline_at": deadline, "on_boot": state is State.SCHEDULED}
            await tx.targets.move(target, event, at=NOW, source="test", **kept)
            return

    await database.write(move)


async def test_what_a_writer_takes_back_is_not_counted(database: SqliteDatabase) -> None:
    made = invocation()

    async def work(tx: Transaction) -> None:
        await tx.invocations.add(made)
        await tx.targets.add(targets(made, [State.SUCCESS] * 3))
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await database.write(work)
    await _check(database)
    assert await _fetch(database, "SELECT * FROM target_states") == []


def test_what_an_older_release_kept_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "db"
    scripts = sorted(
        (entry.name, entry.read_text())
        for entry in resources.files("cloudhand.store.schema").iterdir()
        if entry.name.endswith(".sql") and entry.name < _FIRST_WITH_COUNTS
    )
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for _, script in scripts:
            connection.executescript(script)
        connection.execute(f"PRAGMA user_version = {len(scripts)}")
        connection.execute(
            "INSERT INTO invocations (id, created_at, command_id, command_name, command_type,"
            " content, detail, repeat_mode, resource_group_id, tags)"
            " VALUES ('t-1', 0, 'c-1', '', 'RunShellScript', x'', '{}', 'Once', '', '{}')"
        )
        columns = [row[1:4] for row in connection.execute("PRAGMA table_info(targets)")]
        for number, state in enumerate(("Success", "Success", "Failed")):
            row = {name: "" if kind == "TEXT" else 0 for name, kind, needed in columns if needed}
            row |= {"invoke_id": "t-1", "instance_id": f"i-{number}", "state": state}
            marks = ", ".join("?" * len(row))
            connection.execute(
                f"INSERT INTO targets ({', '.join(row)}) VALUES ({marks})", list(row.values())
            )
        migrate(connection)
        told = connection.execute("SELECT state, count FROM state_totals").fetchall()
        of_it = connection.execute("SELECT state, count FROM target_states").fetchall()
    assert sorted(told) == sorted(of_it) == [("Failed", 1), ("Success", 2)]
