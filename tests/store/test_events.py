"""Which moves belong to an execution."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from cloudhand.core import ids
from cloudhand.core.ids import ExecutionId
from cloudhand.core.page import Window
from cloudhand.store.events import Move
from cloudhand.store.transaction import Transaction
from tests.store.test_invocations import opened

_NOW = datetime(2026, 1, 2, tzinfo=UTC)
_ROOT = ExecutionId("exec-1")
_TASK = ids.task_execution_id(_ROOT, 0)
_ITEM = ids.item_id(_TASK, 4)
_CHILD = ids.child_id(_ITEM, 2)
_FIRED = ids.firing_id(_ROOT, 3)


def _move(noun: str, thing: str) -> Move:
    return Move(
        noun=noun, id=thing, from_state="a", event="e", to_state="b", at=_NOW, source="test"
    )


async def test_an_execution_has_its_own_moves_and_not_those_of_its_children(tmp_path: Path) -> None:
    database = opened(tmp_path)
    moves = [
        _move(noun, thing)
        for execution in (_ROOT, _CHILD, _FIRED)
        for noun, thing in (
            ("execution", execution),
            ("task", ids.task_execution_id(execution, 0)),
            ("task", ids.item_id(ids.task_execution_id(execution, 0), 4)),
        )
    ]

    async def work(tx: Transaction) -> None:
        await tx.events.add([*moves, _move("task", "exec-11.t0001")])

    async def of(execution: ExecutionId) -> list[Move]:
        async def look(tx: Transaction) -> list[Move]:
            return list((await tx.events.of_execution(execution, Window(limit=100))).items)

        return await database.read(look)

    await database.write(work)
    try:
        assert await of(_ROOT) == moves[:3]
        assert await of(_CHILD) == moves[3:6]
        assert await of(_FIRED) == moves[6:]
    finally:
        await database.close()
