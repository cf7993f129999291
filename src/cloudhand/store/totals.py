"""How many there are of everything."""

from __future__ import annotations

from datetime import datetime

from cloudhand.core.instance import ONLINE_WITHIN
from cloudhand.core.totals import OVERDUE_AFTER
from cloudhand.core.totals import Totals as Found
from cloudhand.store.database import Statements
from cloudhand.store.rows import to_ms

_OVERDUE = {
    "target": "SELECT count(*) FROM targets WHERE deadline_at < ?",
    "file": "SELECT count(*) FROM file_targets WHERE deadline_at < ?",
    "session": "SELECT count(*) FROM connections WHERE deadline_at < ?",
    "power_action": "SELECT count(*) FROM power_actions WHERE deadline_at < ?",
    "slot": "SELECT count(*) FROM governor_slots WHERE deadline_at < ?",
    "upgrade": "SELECT count(*) FROM agent_upgrades WHERE deadline_at < ?",
}


class Totals:
    def __init__(self, statements: Statements) -> None:
        self._statements = statements

    async def overdue(self, now: datetime) -> dict[str, int]:
        """What is not final and past its deadline, by noun; found without reading the rest."""
        late = to_ms(now - OVERDUE_AFTER)
        return {noun: await self._one(query, late) for noun, query in _OVERDUE.items()}

    async def get(self, now: datetime) -> Found:
        seen_since = to_ms(now - ONLINE_WITHIN)
        return Found(
            instances=await self._by_state(
                "SELECT state, count(*) FROM instances WHERE state <> 'Released' GROUP BY state"
            ),
            managed=await self._one(
                "SELECT count(*) FROM managed_instances WHERE deregistered_at IS NULL"
            ),
            agents_online=await self._one(
                "SELECT count(*) FROM agents WHERE last_seen_at >= ?"
                " AND (gone_at IS NULL OR gone_at > ?)",
                seen_since,
                to_ms(now),
            ),
            targets=await self._by_state("SELECT state, count FROM state_totals"),
            executions=await self._by_state(
                "SELECT state, count(*) FROM executions GROUP BY state"
            ),
            news_waiting=await self._one("SELECT count(*) FROM news"),
            channels_failing=await self._one(
                "SELECT count(*) FROM notification_channels WHERE last_error_at IS NOT NULL"
                " AND (last_success_at IS NULL OR last_success_at < last_error_at)"
            ),
            power_overdue=await self._one(
                "SELECT count(*) FROM power_actions WHERE state = 'Overdue'"
            ),
            overdue=await self.overdue(now),
        )

    async def _one(self, query: str, *values: object) -> int:
        return int((await self._statements.fetch(query, *values))[0][0])

    async def _by_state(self, query: str) -> dict[str, int]:
        return {row[0]: row[1] for row in await self._statements.fetch(query)}
