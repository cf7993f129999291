"""Queries of invocations and targets."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from itertools import combinations_with_replacement
from pathlib import Path

import pytest

from cloudhand.core import ids
from cloudhand.core.command import Command, CommandType
from cloudhand.core.errors import BadCursor
from cloudhand.core.ids import InstanceId, InvokeId
from cloudhand.core.invocation import UNFINISHED, Event, Invocation, State, Target, overall
from cloudhand.core.orders import InvocationFilter
from cloudhand.core.page import Window
from cloudhand.store.envelope import open_envelope
from cloudhand.store.sqlite import SqliteDatabase
from cloudhand.store.transaction import Transaction

NOW = datetime(2026, 1, 1, tzinfo=UTC)
EVERYTHING = Window(limit=1000)


def opened(path: Path) -> SqliteDatabase:
    envelope = open_envelope(path / "key", new=not (path / "key").exists())
    return SqliteDatabase(path / "db", envelope, durable=False)


def invocation(at: datetime = NOW, **changes: object) -> Invocation:
    command = Command(
        id=ids.command_id(os.urandom),
        type=CommandType.SHELL,
        content=b"true",
        name=str(changes.pop("name", "")),
    )
    made = Invocation(id=ids.invoke_id(os.urandom), command=command, created_at=at)
    return made if not changes else Invocation(**{**vars(made), **changes})


def targets(of: Invocation, states: list[State]) -> list[Target]:
    return [
        Target(
            invoke_id=of.id,
            instance_id=InstanceId(f"i-{number}"),
            state=state,
            created_at=of.created_at,
            updated_at=of.created_at,
            deadline_at=NOW if state in UNFINISHED else None,
            on_boot=state is State.SCHEDULED,
        )
        for number, state in enumerate(states)
    ]


async def add(database: SqliteDatabase, made: Invocation, states: list[State]) -> None:
    async def work(tx: Transaction) -> None:
        await tx.invocations.add(made)
        await tx.targets.add(targets(made, states))

    await database.write(work)


async def found(
    database: SqliteDatabase, wanted: InvocationFilter, window: Window = EVERYTHING
) -> list[InvokeId]:
    async def work(tx: Transaction) -> list[InvokeId]:
        return [made.id for made in (await tx.invocations.find(wanted, window)).items]

    return await database.read(work)


async def test_the_overall_state_in_sql_is_that_of_the_core(tmp_path: Path) -> None:
    database = opened(tmp_path)
    wanted: dict[str, set[InvokeId]] = {}
    for count in (1, 2, 3):
        for states in combinations_with_replacement(State, count):
            made = invocation()
            await add(database, made, list(states))
            wanted.setdefault(overall(states), set()).add(made.id)
    for whole, made_ids in wanted.items():
        assert set(await found(database, InvocationFilter(states=frozenset({whole})))) == made_ids
    await database.close()


async def test_pages_by_cursor_show_everything_once_although_rows_are_added(
    tmp_path: Path,
) -> None:
    database = opened(tmp_path)
    made = [invocation(NOW + timedelta(seconds=n // 2)) for n in range(25)]
    for one in made:
        await add(database, one, [State.SUCCESS])
    seen: list[InvokeId] = []
    after = ""
    while True:
        window = Window(limit=10, after=after)

        async def work(tx: Transaction, window: Window = window) -> tuple[list[InvokeId], str]:
            page = await tx.invocations.find(InvocationFilter(), window)
            return [item.id for item in page.items], page.next

        items, after = await database.read(work)
        seen += items
        await add(database, invocation(NOW + timedelta(hours=1)), [State.SUCCESS])
        if not after:
            break
    assert sorted(seen) == sorted(one.id for one in made)
    with pytest.raises(BadCursor):
        await found(database, InvocationFilter(), Window(limit=1, after="nonsense"))
    await database.close()


async def test_filters(tmp_path: Path) -> None:
    database = opened(tmp_path)
    one = invocation(name="fix 100% now", tags={"role": "db"})
    other = invocation(name="fix all", tags={"role": "web"})
    for made in (one, other):
        await add(database, made, [State.RUNNING, State.SUCCESS])
    for wanted, answer in (
        (InvocationFilter(invoke_id=one.id), {one.id}),
        (InvocationFilter(command_name="fix 100%*"), {one.id}),
        (InvocationFilter(command_name="fix*"), {one.id, other.id}),
        (InvocationFilter(command_name="fix"), set()),
        (InvocationFilter(tags={"role": "web"}), {other.id}),
        (InvocationFilter(tags={"role": ""}), {one.id, other.id}),
        (InvocationFilter(instance_id=InstanceId("i-1")), {one.id, other.id}),
        (InvocationFilter(instance_id=InstanceId("i-9")), set()),
        (InvocationFilter(command_id=other.command.id), {other.id}),
    ):
        assert set(await found(database, wanted)) == answer
    await database.close()


async def test_a_moved_target_is_not_moved_twice_from_the_same_state(tmp_path: Path) -> None:
    database = opened(tmp_path)
    made = invocation()
    await add(database, made, [State.PENDING])
    (stale,) = targets(made, [State.PENDING])

    async def work(tx: Transaction) -> None:
        await tx.targets.move(stale, Event.STARTED, at=NOW, source="test")

    await database.write(work)
    with pytest.raises(RuntimeError, match="somebody else"):
        await database.write(work)
    await database.close()


async def test_output_is_kept_once_whatever_is_repeated(tmp_path: Path) -> None:
    database = opened(tmp_path)
    made = invocation()
    await add(database, made, [State.RUNNING])
    key = made.id, InstanceId("i-0"), 0

    async def append(piece: bytes, position: int | None, limit: int = 100) -> int:
        async def work(tx: Transaction) -> int:
            return await tx.outputs.append(key, piece, position=position, limit=limit)

        return await database.write(work)

    async def joined() -> bytes:
        async def work(tx: Transaction) -> bytes:
            return (await tx.outputs.piece(key, offset=0, at_most=1000))[1]

        return await database.read(work)

    assert await append(b"hello ", 0) == 0
    assert await append(b"hello ", 0) == 0
    assert await append(b"lo world", 3) == 0
    assert await joined() == b"hello world"
    assert await append(b"!", None) == 0
    assert await append(b"??", 14) == 2  # two bytes before it never came
    assert await joined() == b"hello world!??"
    assert await append(b"x" * 100, None) == 16
    assert len(await joined()) == 98
    await database.close()
