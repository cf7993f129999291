"""The real time."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

from cloudhand.core.clock import whole


class SystemClock:
    """core.clock.SteadyClock"""

    def __init__(self) -> None:
        self.follow()

    def now(self) -> datetime:
        return whole(self._shown + timedelta(seconds=time.monotonic() - self._at))

    async def sleep_until(self, moment: datetime) -> None:
        await asyncio.sleep(max((moment - self.now()).total_seconds(), 0))

    def astray(self) -> timedelta:
        return datetime.now(UTC) - self.now()

    def follow(self) -> None:
        self._shown, self._at = datetime.now(UTC), time.monotonic()
