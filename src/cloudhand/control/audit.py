"""Who did what is kept: at once of what changes something, soon of the rest."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from datetime import timedelta

from cloudhand.control.pokes import Loop, Pokes
from cloudhand.core.audit import OK, Kind, Record, RecordFilter
from cloudhand.core.clock import Clock
from cloudhand.store.database import Database, StoreError
from cloudhand.store.transaction import Transaction
from cloudhand.wire.audit import Link

_WAITING_LIMIT = 10_000  # records, of which none is kept yet
# Of callers whom nobody knows: anybody could else fill the disk.
_STRANGERS_LIMIT = 100  # records
_STRANGERS_IN = timedelta(minutes=1)


class Audit:
    def __init__(self, database: Database, clock: Clock, pokes: Pokes) -> None:
        self._database = database
        self._clock = clock
        self._pokes = pokes
        self._waiting: deque[Record] = deque()
        self._left_out = 0
        self._strangers = 0
        self._strangers_since = clock.now()
        pokes.on_clock_set(self._clock_set)

    def _clock_set(self, by: timedelta) -> None:
        self._strangers_since += by

    async def add(self, record: Record) -> None:
        """It is kept when this returns, behind what was noted before; StoreError."""
        await self._keep(record)
        self._pokes.wake(Loop.AUDIT)

    def note(self, record: Record) -> None:
        """It is kept soon, unless there are too many: then how many were not is."""
        if len(self._waiting) >= _WAITING_LIMIT or self._is_one_too_many(record):
            self._left_out += 1
        else:
            self._waiting.append(record)
        self._pokes.wake(Loop.AUDIT)

    async def flush(self) -> None:
        """Keep what was noted; StoreError, and then it is noted still."""
        if self._waiting or self._left_out:
            await self._keep()

    async def _keep(self, *more: Record) -> None:
        noted, left_out = [*self._waiting], self._left_out
        self._waiting.clear()
        self._left_out = 0
        records = [*noted, *([self._of_left_out(left_out)] if left_out else []), *more]

        async def work(tx: Transaction) -> None:
            await tx.audit.add(*records)

        try:
            await self._database.write(work)
        except StoreError:
            self._waiting.extendleft(reversed(noted))
            self._left_out += left_out
            raise

    async def find(
        self, wanted: RecordFilter, *, limit: int, cursor: str = "", oldest_first: bool = False
    ) -> tuple[list[Link], str]:
        """Some records, and the cursor behind the last of them; BadCursor."""
        with suppress(StoreError):  # what cannot be written can be read all the same
            await self.flush()

        async def work(tx: Transaction) -> tuple[list[Link], str]:
            return await tx.audit.find(
                wanted, limit=limit, cursor=cursor, oldest_first=oldest_first
            )

        return await self._database.read(work)

    async def after(self, number: int, *, limit: int) -> list[Link]:
        """The next ones, the oldest first."""

        async def work(tx: Transaction) -> list[Link]:
            return await tx.audit.after(number, limit=limit)

        return await self._database.read(work)

    def _is_one_too_many(self, record: Record) -> bool:
        if record.who or record.outcome == OK:
            return False
        if record.at - self._strangers_since >= _STRANGERS_IN:
            self._strangers, self._strangers_since = 0, record.at
        self._strangers += 1
        return self._strangers > _STRANGERS_LIMIT

    def _of_left_out(self, count: int) -> Record:
        return Record(
            kind=Kind.CALL,
            at=self._clock.now(),
            action="audit:LeftOut",
            who="",
            outcome="TooMany",
            facts={"count": str(count)},
        )
