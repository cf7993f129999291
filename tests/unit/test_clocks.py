"""What is written down as due at a moment is due then, and not a part of a millisecond later."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from cloudhand.rehearsal.clock import VirtualClock
from cloudhand.server.clock import SystemClock

_BETWEEN = datetime(2026, 1, 2, 3, 4, 5, 660_556, tzinfo=UTC)


def test_the_real_time_is_told_in_whole_milliseconds() -> None:
    clock = SystemClock()

    assert all(clock.now().microsecond % 1000 == 0 for _ in range(100))


async def test_who_sleeps_in_virtual_time_is_woken_at_a_whole_millisecond() -> None:
    clock = VirtualClock(_BETWEEN - timedelta(seconds=1))
    sleeper = asyncio.create_task(clock.sleep_until(_BETWEEN))
    await asyncio.sleep(0)
    assert clock.next_moment == _BETWEEN

    clock.move_to(_BETWEEN)
    await sleeper

    assert clock.now() == datetime(2026, 1, 2, 3, 4, 5, 661_000, tzinfo=UTC)
