"""What is kept beside rows, counts of states and tags, follows them whatever becomes of them."""

from __future__ import annotations

import json
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
from cloudhand.core.tag import Kind
from cloudhand.store.database import Row
from cloudhand.store.sqlite import SqliteDatabase, migrate
from cloudhand.store.transaction import Transaction
from tests.store.test_invocations import NOW, add, invocation, opened, targets

_FIRST_WITH_COUNTS = "0013_counts_of_states.sql"
_KEYS = ("role", '"quoted"', "键.$")


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
    tags = await _fetch(
        database,
        "SELECT invoke_id, tag_key, tag_value, created_at, target_count FROM invocation_tags",
    )
    tagged = await _fetch(database, "SELECT id, tags, created_at, target_count FROM invocations")
    assert {tuple(row) for row in tags} == {
        (row[0], key, value, row[2], row[3])
        for row in tagged
        for key, value in json.loads(row[1]).items()
    }


@pytest.mark.parametrize("seed", range(8))
async def test_counts_are_those_of_the_rows_after_any_history(
    database: SqliteDatabase, seed: int
) -> None:
    dice = random.Random(seed)
    for step in range(60):
        at = NOW + timedelta(seconds=step)
        match dice.choice(("come", "alike", "label", "move", "move", "move", "go")):
            case "come":
                states = dice.choices(list(State), k=dice.randrange(1, 6))
                await add(database, invocation(at, tags=_tags(dice)), states)
            case "label":
                await _label_one(database, dice)
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


def _tags(dice: random.Random) -> dict[str, str]:
    return {dice.choice(_KEYS): dice.choice(("v", "")) for _ in range(dice.randrange(3))}


async def _label_one(database: SqliteDatabase, dice: random.Random) -> None:
    rows = await _fetch(database, "SELECT id FROM invocations")
    if rows:
        (one,), tags = dice.choice(rows), _tags(dice)
        await database.write(lambda tx: tx.tags.put(Kind.INVOCATION, one, tags))


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


def test_what_an_older_release_kept_is_counted_and_found(tmp_path: Path) -> None:
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
            " VALUES ('t-1', 0, 'c-1', '', 'RunShellScript', x'', '{}', 'Once', '',"
            ' \'{"k":"v"}\')'
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
        tags = connection.execute("SELECT * FROM invocation_tags").fetchall()
    assert tags == [("k", "v", 0, "t-1", 0)]
    assert sorted(told) == sorted(of_it) == [("Failed", 1), ("Success", 2)]
