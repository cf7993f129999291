"""How a control plane is: what there is, and whether anything stands still."""

from __future__ import annotations

from datetime import timedelta

from cloudhand.control.pokes import Loop, Pokes
from cloudhand.core.clock import Clock
from cloudhand.core.totals import Totals
from cloudhand.store.database import Database
from cloudhand.store.transaction import Transaction

# A look takes a while, and a call of a provider a minute at most.
_LATE = timedelta(minutes=2)


class Health:
    def __init__(self, database: Database, clock: Clock, pokes: Pokes) -> None:
        self._database = database
        self._clock = clock
        self._pokes = pokes

    async def overdue(self) -> int:
        """How much is not final though its deadline has passed."""
        now = self._clock.now()

        async def work(tx: Transaction) -> int:
            return sum((await tx.totals.overdue(now)).values())

        return await self._database.read(work)

    async def totals(self) -> Totals:
        now = self._clock.now()

        async def work(tx: Transaction) -> Totals:
            return await tx.totals.get(now)

        return await self._database.read(work)

    def silent(self) -> list[Loop]:
        """Loops that should have looked long ago, and have not, or not with success."""
        now = self._clock.now()
        return [loop for loop, by in self._pokes.expected().items() if now > by + _LATE]
