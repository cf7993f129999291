"""The real time."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

from cloudhand.core.clock import whole


class SystemClock:
    """core.clock.SteadyClock"""

    def __init__(self) -> None:
        self._shown, self._at = datetime.now(UTC), time.monotonic()

    def now(self) -> datetime:
        return whole(self._exactly())

    async def sleep_until(self, moment: datetime) -> None:
        await asyncio.sleep(max((moment - self.now()).total_seconds(), 0))

    def astray(self) -> timedelta:
        return datetime.now(UTC) - self._exactly()

    def follow(self, by: timedelta) -> None:
        self._shown += by

    def _exactly(self) -> datetime:
        return self._shown + timedelta(seconds=time.monotonic() - self._at)
