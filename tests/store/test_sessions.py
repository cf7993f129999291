"""Queries of terminal sessions."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from cloudhand.core import ids
from cloudhand.core.account import Kind
from cloudhand.core.ids import InstanceId
from cloudhand.core.machine import IllegalMove
from cloudhand.core.session import (
    CONNECTION,
    Connection,
    Event,
    Opener,
    Session,
    SessionFilter,
    State,
    Terminal,
)
from cloudhand.store.sqlite import SqliteDatabase
from cloudhand.store.transaction import Transaction
from tests.store.test_invocations import EVERYTHING, NOW, opened


async def add(database: SqliteDatabase, *states: State, at: datetime = NOW) -> Session:
    made = Session(
        id=ids.session_id(os.urandom),
        token_hash=b"hash",
        created_at=at,
        terminal=Terminal(command_line="top", username="ann", port_number=22),
        opener=Opener(kind=Kind.ROLE, principal_id="3:night", client_ip="192.0.2.1"),
    )
    connections = [
        Connection(
            session_id=made.id,
            instance_id=InstanceId(f"i-{number}"),
            state=state,
            started_at=at,
            deadline_at=None if state in CONNECTION.final else at,
            ended_at=at if state in CONNECTION.final else None,
        )
        for number, state in enumerate(states)
    ]

    async def work(tx: Transaction) -> None:
        await tx.sessions.add(made, connections)

    await database.write(work)
    return made


async def found(database: SqliteDatabase) -> list[Session]:
    async def work(tx: Transaction) -> list[Session]:
        return list((await tx.sessions.find(SessionFilter(), EVERYTHING)).items)

    return await database.read(work)


async def test_a_session_comes_back_as_it_was(tmp_path: Path) -> None:
    database = opened(tmp_path)
    made = await add(database, State.CONNECTING, State.FAILED)
    assert await found(database) == [made]
    await database.close()


async def test_a_connection_is_moved_by_the_first_only(tmp_path: Path) -> None:
    database = opened(tmp_path)
    made = await add(database, State.CONNECTING)

    async def work(tx: Transaction) -> None:
        (before,) = await tx.sessions.connections([made.id])
        after = await tx.sessions.move(before, Event.CLOSED, at=NOW, source="test")
        assert await tx.sessions.connections([made.id]) == [after]
        with pytest.raises(IllegalMove):
            await tx.sessions.move(after, Event.CLOSED, at=NOW, source="test")
        with pytest.raises(RuntimeError, match="somebody else did"):
            await tx.sessions.move(before, Event.FAILED, at=NOW, source="test")

    await database.write(work)
    await database.close()


async def test_those_that_have_not_ended_count(tmp_path: Path) -> None:
    database = opened(tmp_path)
    for states in (
        (State.CONNECTING, State.CONNECTED),
        (State.FAILED, State.CONNECTED),
        (State.FAILED, State.DISCONNECTED),
        (State.TERMINATED,),
    ):
        await add(database, *states)

    async def work(tx: Transaction) -> tuple[int, list[int]]:
        to = [len(await tx.sessions.open_to(InstanceId(f"i-{number}"))) for number in (0, 1)]
        return await tx.sessions.open_count(), to

    assert await database.read(work) == (2, [1, 2])
    await database.close()


async def test_what_has_ended_is_forgotten_as_a_whole(tmp_path: Path) -> None:
    database = opened(tmp_path)
    await add(database, State.FAILED, State.TERMINATED)
    half = await add(database, State.FAILED, State.CONNECTED)
    young = await add(database, State.FAILED, at=NOW + timedelta(days=1))

    async def work(tx: Transaction) -> None:
        await tx.sessions.forget(before=NOW + timedelta(hours=1))

    await database.write(work)
    assert await found(database) == [young, half]
    await database.close()
