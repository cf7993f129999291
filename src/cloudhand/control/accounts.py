"""Who may ask: access keys."""

from __future__ import annotations

from cloudhand.core.account import AccessKey
from cloudhand.core.clock import Clock
from cloudhand.store.database import Database
from cloudhand.store.transaction import Transaction


class Accounts:
    """Access keys, held in memory: every request asks for one."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._keys: dict[str, AccessKey] = {}

    async def get(self, access_key_id: str) -> AccessKey | None:
        if access_key_id not in self._keys:
            await self._load()
        return self._keys.get(access_key_id)

    async def first(self) -> AccessKey | None:
        """The oldest key that is active."""
        await self._load()
        return next((key for key in self._keys.values() if key.active), None)

    async def add(self, key: AccessKey) -> None:
        async def work(tx: Transaction) -> None:
            await tx.accounts.add(key, at=self._clock.now())

        await self._database.write(work)
        await self._load()

    async def _load(self) -> None:
        async def work(tx: Transaction) -> list[AccessKey]:
            return await tx.accounts.keys()

        self._keys = {key.id: key for key in await self._database.read(work)}
