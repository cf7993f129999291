"""What published agents say of themselves is kept for a while, and told."""

from __future__ import annotations

from cloudhand.control.targeting import present
from cloudhand.core.clock import Clock
from cloudhand.core.ids import InstanceId
from cloudhand.core.notice import Kind, Notice
from cloudhand.store.database import Database
from cloudhand.store.transaction import Transaction
from cloudhand.wire import notice as wire


class Notices:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def hear(self, instance_id: InstanceId, kind: Kind, said: wire.Notice) -> None:
        notice = Notice(
            kind=kind,
            name=said.name,
            level=said.level,
            detail=said.detail,
            heard_at=self._clock.now(),
        )

        async def work(tx: Transaction) -> None:
            await tx.notices.add(instance_id, notice)

        await self._database.write(work)

    async def find(self, instance_id: InstanceId) -> list[Notice]:
        """The last first; InstanceNotFound."""

        async def work(tx: Transaction) -> list[Notice]:
            await present(tx, [instance_id])
            return await tx.notices.of(instance_id)

        return await self._database.read(work)
