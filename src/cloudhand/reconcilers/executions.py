"""Carry out executions of templates: claim those that are due, and look at each."""

from __future__ import annotations

import asyncio
import logging
import os
from datetime import datetime, timedelta

from cloudhand.control.pokes import Loop, Pokes
from cloudhand.reconcilers.carrying import LEASE, carry_on
from cloudhand.reconcilers.means import Means
from cloudhand.reconcilers.reconciler import AT_LATEST, keep_looking
from cloudhand.store.database import Changed, StoreError
from cloudhand.store.executions import Held
from cloudhand.store.transaction import Transaction

log = logging.getLogger(__name__)

_AT_ONCE = 32  # executions
_AFTER_FAILURE = timedelta(seconds=30)


class Executions:
    def __init__(self, means: Means, pokes: Pokes) -> None:
        self._means = means
        self._pokes = pokes
        self._by = f"{os.getpid()}-{os.urandom(4).hex()}"
        self._running = 0

    @property
    def busy(self) -> bool:
        return bool(self._running)

    async def run(self) -> None:
        """Run for ever."""
        await self.free_claims()
        async with asyncio.TaskGroup() as tasks:

            async def look() -> datetime | None:
                return await self._look(tasks)

            await keep_looking(Loop.EXECUTIONS, look, pokes=self._pokes, clock=self._means.clock)

    async def _look(self, tasks: asyncio.TaskGroup) -> datetime | None:
        free = _AT_ONCE - self._running
        for held in await self.claim(free) if free else ():
            self._running += 1
            tasks.create_task(self._handle(held))
        # Whoever ends makes room, and pokes.
        return await self.next_due() if self._running < _AT_ONCE else None

    async def free_claims(self) -> None:
        """Those of a process that is no more: this is the only one."""

        async def work(tx: Transaction) -> None:
            await tx.executions.free_claims()

        await self._means.database.write(work)

    async def claim(self, limit: int) -> list[Held]:
        """Take so many of those that are due."""
        now = self._means.clock.now()

        async def work(tx: Transaction) -> list[Held]:
            return await tx.executions.claim_due(now=now, lease=LEASE, by=self._by, limit=limit)

        return await self._means.database.write(work)

    async def next_due(self) -> datetime | None:
        async def work(tx: Transaction) -> datetime | None:
            return await tx.executions.next_due()

        return await self._means.database.read(work)

    async def _handle(self, held: Held) -> None:
        try:
            await self.look_at(held)
        finally:
            self._running -= 1
            self._pokes.wake(Loop.EXECUTIONS)

    async def look_at(self, held: Held) -> None:
        """Carry on with what was claimed, and give it back."""
        execution_id = held.claim.item.id
        again_after: timedelta | None = timedelta()
        try:
            await carry_on(self._means, held)
            again_after = None
        except Changed:
            log.info("look again", extra={"execution": execution_id})
            again_after = timedelta()
        except StoreError as error:
            log.error("look failed", extra={"execution": execution_id, "error": str(error)})
            again_after = AT_LATEST
        except Exception:  # an outermost loop: other executions go on
            log.exception("look failed", extra={"execution": execution_id})
            again_after = _AFTER_FAILURE
        try:
            await self._give_back(held, again_after)
        except StoreError as error:  # its lease ends by itself
            log.error("claim kept", extra={"execution": execution_id, "error": str(error)})

    async def _give_back(self, held: Held, again_after: timedelta | None) -> None:
        """``again_after`` None: due once one of its tasks is."""
        now = self._means.clock.now()
        again_at = None if again_after is None else now + again_after

        async def work(tx: Transaction) -> None:
            await tx.executions.give_back(held, now=now, again_at=again_at)

        await self._means.database.write(work)
