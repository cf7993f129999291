"""The time as everything above asks for it, so that tests can make hours pass in no time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """Aware, UTC, and whole milliseconds, as stores keep them: what is written down as due
        then is due then when it is read again."""

    async def sleep_until(self, moment: datetime) -> None: ...


class SteadyClock(Clock, Protocol):
    """One that goes on evenly when somebody sets the clock of its machine, until it follows."""

    def astray(self) -> timedelta:
        """The machine's clock less this one."""

    def follow(self, by: timedelta) -> None:
        """Show so much more. It may have been set once more since ``astray`` told of it."""


def whole(moment: datetime) -> datetime:
    """Without the part of its last millisecond."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
