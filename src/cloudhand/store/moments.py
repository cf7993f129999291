"""Moments of all nouns, when somebody has set the clock by which they were written down."""

from __future__ import annotations

from datetime import datetime, timedelta

from cloudhand.store.database import Statements
from cloudhand.store.rows import to_ms

# What is so and so long from when it was written down. Moments that people gave, those of schedules
# among them, and those that only tell when something was, stay as they are.
_SPANS = {
    "agent_upgrades": ("deadline_at",),
    "agents": ("last_seen_at", "gone_at", "cloned_at", "process_started_at"),
    "connections": ("deadline_at",),
    "executions": ("lease_until",),
    "file_targets": ("deadline_at",),
    "governor_slots": ("asked_at", "seen_at", "held_at", "deadline_at"),
    "instances": ("ordered_at", "lease_until"),
    "notification_channels": ("due_at", "began_at"),
    "power_actions": ("deadline_at",),
    "targets": ("deadline_at",),
}
# Since when something waits for its agent, which is told of it again after a while. Of a clock that
# is set back that may not have come yet.
_WAITS_SINCE = {
    "agent_upgrades": "asked_at",
    "connections": "started_at",
    "file_targets": "updated_at",
    "targets": "updated_at",
}
# When something is looked at next. To look too early changes nothing.
_LOOKS = ("instances", "executions", "task_executions")


class Moments:
    def __init__(self, statements: Statements) -> None:
        self._statements = statements

    async def shift(self, by: timedelta, *, now: datetime) -> None:
        """Have all that is to last for a while last as long as it would have. ``now``: as the clock
        shows it from now on.
        """
        ms = by // timedelta(milliseconds=1)
        for table, columns in _SPANS.items():
            changes = ", ".join(f"{column} = {column} + ?" for column in columns)
            await self._statements.change(f"UPDATE {table} SET {changes}", *[ms] * len(columns))
        for table, column in _WAITS_SINCE.items():
            await self._statements.change(
                f"UPDATE {table} SET {column} = ? WHERE {column} > ? AND deadline_at IS NOT NULL",
                to_ms(now),
                to_ms(now),
            )
        for table in _LOOKS:
            await self._statements.change(
                f"UPDATE {table} SET due_at = ? WHERE due_at > ?", to_ms(now), to_ms(now)
            )
