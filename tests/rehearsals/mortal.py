"""A store whose user dies after a write: what it wrote is durable, and nothing else is left."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

from cloudhand.rehearsal.script import Script
from cloudhand.rehearsal.stage import Played, Stage
from cloudhand.store.database import Database

Answer = TypeVar("Answer")


class Killed(BaseException):
    """Not an error, which somebody might handle."""


class Mortal:
    """store.database.Database. ``dies``: whether its user dies after the write of this number."""

    def __init__(self, database: Database, dies: Callable[[int], bool] = lambda _: False) -> None:
        self._database = database
        self._dies = dies
        self.writes = 0

    async def write(self, work: Callable[[Any], Awaitable[Answer]]) -> Answer:
        answer = await self._database.write(work)
        self.writes += 1
        if self._dies(self.writes):
            raise Killed
        return answer

    async def read(self, work: Callable[[Any], Awaitable[Answer]]) -> Answer:
        return await self._database.read(work)

    def turned(self, work: Callable[[Any], Awaitable[None]]) -> AbstractAsyncContextManager[None]:
        return self._database.turned(work)

    async def close(self) -> None:
        await self._database.close()


async def played(stage: Stage, template: str, script: Script) -> Played:
    """A play that goes on after each death as a control plane does that is started again."""
    execution_id = None
    while True:
        try:
            if execution_id is None:
                execution_id = await stage.start(template, script)
            await stage.go_on(execution_id)
            return await stage.played(execution_id)
        except Killed:
            await revived(stage)


async def revived(stage: Stage) -> None:
    while True:
        try:
            await stage.restart()
        except Killed:
            continue
        return
