"""A clock that moves only when somebody moves it."""

from __future__ import annotations

import asyncio
import heapq
from datetime import UTC, datetime, timedelta
from itertools import count

from cloudhand.core.clock import whole

_NEARLY = timedelta(microseconds=999)  # who sleeps until then is not woken before


class VirtualClock:
    """core.clock.Clock"""

    def __init__(self, start: datetime = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)) -> None:
        self._now = whole(start)
        self._sleepers: list[tuple[datetime, int, asyncio.Future[None]]] = []
        self._count = count()

    def now(self) -> datetime:
        return self._now

    async def sleep_until(self, moment: datetime) -> None:
        if moment <= self._now:
            await asyncio.sleep(0)
            return
        woken = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (moment, next(self._count), woken))
        await woken

    @property
    def next_moment(self) -> datetime | None:
        """When the first sleeper wakes."""
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
        return self._sleepers[0][0] if self._sleepers else None

    def move_to(self, moment: datetime) -> None:
        """Jump, and wake whoever slept until then."""
        self._now = max(self._now, whole(moment + _NEARLY))
        while self.next_moment is not None and self.next_moment <= self._now:
            heapq.heappop(self._sleepers)[2].set_result(None)

    def move(self, span: timedelta) -> None:
        self.move_to(self._now + span)
