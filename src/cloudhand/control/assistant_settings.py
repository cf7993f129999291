"""Settings of an account for its agents, their sessions and results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cloudhand.core.assistant_settings import Kind, Setting, check, unset
from cloudhand.core.clock import Clock
from cloudhand.core.orders import Once
from cloudhand.store.database import Database
from cloudhand.store.transaction import Transaction

Changes = Mapping[type[Setting], Mapping[str, Any]]  # values of fields, by their names


class AssistantSettings:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def get(self, account_id: str, purpose: str, kind: type[Kind]) -> Kind:
        async def work(tx: Transaction) -> Kind:
            return await current(tx, account_id, purpose, kind)

        return await self._database.read(work)

    async def change(
        self, account_id: str, purpose: str, changes: Changes, *, once: Once | None
    ) -> None:
        """What is not named stays as it is; SettingProblem, and then nothing is changed."""
        now = self._clock.now()

        async def work(tx: Transaction) -> None:
            if await tx.tokens.earlier(once, bool):
                return
            for kind, values in changes.items():
                before = await tx.assistant_settings.get(account_id, purpose, kind) or kind()
                after = replace(before, **values)
                check(after)
                await tx.assistant_settings.put(account_id, purpose, after)
            await tx.tokens.remember(once, True, at=now)

        await self._database.write(work)


async def current(tx: Transaction, account_id: str, purpose: str, kind: type[Kind]) -> Kind:
    return await tx.assistant_settings.get(account_id, purpose, kind) or unset(kind)
