"""Queries of files that are sent."""

from __future__ import annotations

import os
from datetime import timedelta
from itertools import combinations_with_replacement
from pathlib import Path

from cloudhand.core import ids
from cloudhand.core.file import (
    FILE_TARGET,
    File,
    FileFilter,
    FileInvocation,
    FileTarget,
    State,
    overall,
)
from cloudhand.core.ids import InstanceId, InvokeId
from cloudhand.store.sqlite import SqliteDatabase
from cloudhand.store.transaction import Transaction
from tests.store.test_invocations import EVERYTHING, NOW, opened


async def add(database: SqliteDatabase, *states: State) -> FileInvocation:
    made = FileInvocation(
        id=ids.file_invoke_id(os.urandom),
        file=File(name="n", directory="/d", content=b"\xff", owner="o", overwrite=True),
        created_at=NOW,
        timeout=70,
        description="words",
        tags={"k": "v"},
    )
    targets = [
        FileTarget(
            invoke_id=made.id,
            instance_id=InstanceId(f"i-{number}"),
            state=state,
            created_at=NOW,
            updated_at=NOW,
            deadline_at=None if state in FILE_TARGET.final else NOW,
        )
        for number, state in enumerate(states)
    ]

    async def work(tx: Transaction) -> None:
        await tx.files.add(made, targets)

    await database.write(work)
    return made


async def found(database: SqliteDatabase, wanted: FileFilter) -> list[FileInvocation]:
    async def work(tx: Transaction) -> list[FileInvocation]:
        return list((await tx.files.find(wanted, EVERYTHING)).items)

    return await database.read(work)


async def test_the_overall_state_in_sql_is_that_of_the_core(tmp_path: Path) -> None:
    database = opened(tmp_path)
    wanted: dict[str, set[InvokeId]] = {}
    for count in (1, 2, 3):
        for states in combinations_with_replacement(State, count):
            wanted.setdefault(overall(states), set()).add((await add(database, *states)).id)
    for whole, made_ids in wanted.items():
        items = await found(database, FileFilter(states=frozenset({whole})))
        assert {one.id for one in items} == made_ids
    await database.close()


async def test_what_is_kept_is_what_was_given(tmp_path: Path) -> None:
    database = opened(tmp_path)
    made = await add(database, State.SUCCESS)
    assert await found(database, FileFilter(invoke_id=made.id)) == [made]
    await database.close()


async def test_what_is_over_is_forgotten_and_nothing_else(tmp_path: Path) -> None:
    database = opened(tmp_path)
    await add(database, State.SUCCESS, State.FAILED)
    open_ = await add(database, State.SUCCESS, State.RUNNING)
    await database.write(lambda tx: tx.files.forget(before=NOW))
    assert len(await found(database, FileFilter())) == 2
    await database.write(lambda tx: tx.files.forget(before=NOW + timedelta(seconds=1)))
    assert await found(database, FileFilter()) == [open_]
    await database.close()
