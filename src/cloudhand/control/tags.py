"""Put tags on things of any kind, take them off, and say which group a thing belongs to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from cloudhand.control.pokes import Loop, Pokes
from cloudhand.core import tag
from cloudhand.core.clock import Clock
from cloudhand.core.errors import ResourceNotFound
from cloudhand.core.orders import Once
from cloudhand.core.page import Page, Window
from cloudhand.core.tag import Attached, Kind, Usage
from cloudhand.store.database import Database
from cloudhand.store.transaction import Transaction


class Tags:
    def __init__(self, database: Database, clock: Clock, pokes: Pokes) -> None:
        self._database = database
        self._clock = clock
        self._pokes = pokes

    async def put(
        self,
        kind: Kind,
        ids: Sequence[str],
        tags: Mapping[str, str],
        *,
        once: Once | None = None,
    ) -> None:
        """On all of them or none: ResourceNotFound; TooMany."""
        await self._change(kind, ids, lambda before: tag.put(before, tags), once)

    async def remove(
        self,
        kind: Kind,
        ids: Sequence[str],
        keys: Collection[str] | None,
        *,
        once: Once | None = None,
    ) -> None:
        """From all of them or none; no ``keys``: all tags. ResourceNotFound."""

        def without(before: Mapping[str, str]) -> Mapping[str, str]:
            kept = before.keys() - (before.keys() if keys is None else keys)
            return {key: value for key, value in before.items() if key in kept}

        await self._change(kind, ids, without, once)

    async def _change(
        self,
        kind: Kind,
        ids: Sequence[str],
        after: Callable[[Mapping[str, str]], Mapping[str, str]],
        once: Once | None,
    ) -> None:
        now = self._clock.now()

        async def work(tx: Transaction) -> None:
            if await tx.tokens.earlier(once, bool):
                return
            found = await _present(tx, kind, ids)
            for thing in ids:
                await tx.tags.put(kind, thing, after(found[thing]))
                await tx.watches.wake(thing, at=now)
            await tx.tokens.remember(once, True, at=now)

        await self._database.write(work)
        self._pokes.wake(Loop.EXECUTIONS)

    async def join(
        self, kind: Kind, thing: str, resource_group_id: str, *, once: Once | None = None
    ) -> None:
        """ResourceNotFound."""
        now = self._clock.now()

        async def work(tx: Transaction) -> None:
            if await tx.tokens.earlier(once, bool):
                return
            await _present(tx, kind, [thing])
            await tx.tags.join(kind, thing, resource_group_id)
            await tx.watches.wake(thing, at=now)
            await tx.tokens.remember(once, True, at=now)

        await self._database.write(work)
        self._pokes.wake(Loop.EXECUTIONS)

    async def find(
        self, kind: Kind, window: Window, *, ids: Sequence[str], tags: Mapping[str, str]
    ) -> Page[Attached]:
        async def work(tx: Transaction) -> Page[Attached]:
            return await tx.tags.find(kind, window, ids=ids, tags=tags)

        return await self._database.read(work)

    async def members(
        self, kind: Kind, window: Window, *, ids: Sequence[str], resource_group_id: str
    ) -> Page[Attached]:
        async def work(tx: Transaction) -> Page[Attached]:
            return await tx.tags.members(kind, window, ids=ids, resource_group_id=resource_group_id)

        return await self._database.read(work)

    async def usage(
        self, kinds: Sequence[Kind], window: Window, *, thing: str, tags: Mapping[str, str]
    ) -> Page[Usage]:
        async def work(tx: Transaction) -> Page[Usage]:
            return await tx.tags.usage(kinds, window, thing=thing, tags=tags)

        return await self._database.read(work)


async def _present(tx: Transaction, kind: Kind, ids: Sequence[str]) -> dict[str, Mapping[str, str]]:
    found = await tx.tags.of(kind, ids)
    missing = [thing for thing in ids if thing not in found]
    if missing:
        raise ResourceNotFound(kind, missing)
    return found
