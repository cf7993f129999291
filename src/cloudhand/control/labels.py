"""Labels of templates, executions and stored parameters: put them on, take them off, find them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from cloudhand.core.clock import Clock
from cloudhand.core.errors import (
    CloudhandError,
    ExecutionNotFound,
    StoredParameterNotFound,
    TemplateNotFound,
    TooMany,
)
from cloudhand.core.ids import ExecutionId
from cloudhand.core.label import TAG_LIMIT, Labelled, Tag
from cloudhand.core.orders import Once
from cloudhand.core.page import Page, Window
from cloudhand.store.database import Database
from cloudhand.store.transaction import Transaction

Tags = dict[str, str]


class Labels:
    """TemplateNotFound, ExecutionNotFound or StoredParameterNotFound for what is not there."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def tag(
        self,
        kind: Labelled,
        names: Sequence[str],
        tags: Mapping[str, str],
        *,
        once: Once | None = None,
    ) -> None:
        """Put tags on all of them or on none; TooMany."""

        def more(name: str, before: Tags) -> Tags:
            after = {**before, **tags}
            if len(after) > TAG_LIMIT:
                raise TooMany(f"tags on {name}", TAG_LIMIT)
            return after

        await self._change(kind, names, more, once)

    async def untag(
        self,
        kind: Labelled,
        names: Sequence[str],
        keys: Collection[str] | None,
        *,
        once: Once | None = None,
    ) -> None:
        """Take tags off all of them or of none; None: whatever their keys."""

        def less(_: str, before: Tags) -> Tags:
            gone = before if keys is None else keys
            return {key: value for key, value in before.items() if key not in gone}

        await self._change(kind, names, less, once)

    async def _change(
        self,
        kind: Labelled,
        names: Sequence[str],
        changed: Callable[[str, Tags], Tags],
        once: Once | None,
    ) -> None:
        now = self._clock.now()

        async def work(tx: Transaction) -> None:
            if await tx.tokens.earlier(once, bool):
                return
            for name in names:
                before = await tx.labels.tags(kind, name)
                if before is None:
                    raise _missing(kind, name)
                await tx.labels.set_tags(kind, name, changed(name, before))
            await tx.tokens.remember(once, True, at=now)

        await self._database.write(work)

    async def regroup(
        self, kind: Labelled, name: str, group_id: str, *, once: Once | None = None
    ) -> None:
        now = self._clock.now()

        async def work(tx: Transaction) -> None:
            if await tx.tokens.earlier(once, bool):
                return
            if not await tx.labels.set_group(kind, name, group_id):
                raise _missing(kind, name)
            await tx.tokens.remember(once, True, at=now)

        await self._database.write(work)

    async def find(
        self, kind: Labelled, names: Collection[str], tags: Mapping[str, str], window: Window
    ) -> Page[Tag]:
        """All tags of what has all the given tags, and one of the names if there are any."""

        async def work(tx: Transaction) -> Page[Tag]:
            return await tx.labels.find(kind, names, tags, window)

        return await self._database.read(work)

    async def keys(self, kinds: Collection[Labelled], window: Window) -> Page[str]:
        async def work(tx: Transaction) -> Page[str]:
            return await tx.labels.keys(kinds, window)

        return await self._database.read(work)

    async def values(self, kinds: Collection[Labelled], key: str, window: Window) -> Page[str]:
        async def work(tx: Transaction) -> Page[str]:
            return await tx.labels.values(kinds, key, window)

        return await self._database.read(work)


def _missing(kind: Labelled, name: str) -> CloudhandError:
    match kind:
        case Labelled.TEMPLATE:
            return TemplateNotFound(name)
        case Labelled.EXECUTION:
            return ExecutionNotFound(ExecutionId(name))
        case Labelled.PARAMETER | Labelled.SECRET_PARAMETER:
            return StoredParameterNotFound(name)
