"""What a store is to the verbs and loops above it, and the two ways of speaking to it.

A piece of work is ``async def work(tx)``. It awaits nothing but ``tx`` and may be run again, so
it must not touch anything else. What ``write`` returns is durable.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, TypeVar

Answer = TypeVar("Answer")
Row = Sequence[Any]


class StoreError(Exception):
    """The store could not do a piece of work: the disk is full or broken. Nothing was written."""


class Changed(Exception):
    """Somebody else has changed a row since it was read."""


class Statements(Protocol):
    """One connection inside one transaction."""

    async def fetch(self, sql: str, *values: object) -> list[Row]: ...

    async def change(self, sql: str, *values: object) -> int:
        """How many rows it touched."""

    async def change_many(self, sql: str, rows: Sequence[Sequence[object]]) -> None: ...


class Database(Protocol):
    async def write(self, work: Callable[[Any], Awaitable[Answer]]) -> Answer:
        """Do the work in a transaction of its own; durable when this returns."""

    async def read(self, work: Callable[[Any], Awaitable[Answer]]) -> Answer:
        """Do work that only reads, on one consistent state."""

    def turned(self, work: Callable[[Any], Awaitable[None]]) -> AbstractAsyncContextManager[None]:
        """Do the work; writes that others ask for until the block ends are refused, since they
        were made up for how things were before. StoreError.
        """

    async def close(self) -> None: ...
