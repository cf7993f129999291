"""Keep to the clock of the machine, and see to it that nothing is due only because it was set.

Deadlines are written down as moments. A clock that is set a day ahead would let all of them pass at
once, and one that is set back would keep everything waiting for a day.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from datetime import timedelta

from cloudhand.control.control import Control
from cloudhand.control.pokes import Loop
from cloudhand.core.clock import SteadyClock
from cloudhand.reconcilers.reconciler import keep_looking

log = logging.getLogger(__name__)

_EVERY = timedelta(seconds=1)
_SLIGHT = timedelta(seconds=2)  # which no deadline is short enough to suffer from


async def keep_time(
    first: Control, clock: SteadyClock, controls: Callable[[], Iterable[Control]]
) -> None:
    """For ever. ``controls``: of all accounts, which share the clock; ``first`` is one of them."""

    told: dict[str, timedelta] = {}  # by account; one store may be written when another is not

    async def look() -> None:
        by = clock.astray()
        if abs(by) <= _SLIGHT and not told:
            clock.follow(by)
            return
        log.warning("the clock was set", extra={"seconds": round(by.total_seconds())})
        async with AsyncExitStack() as turned:
            for control in controls():
                account_id = control.settings.account_id
                more = by - told.get(account_id, timedelta())
                await turned.enter_async_context(control.deadlines.clock_set(more))
                told[account_id] = by
            clock.follow(by)
        told.clear()
        for control in controls():
            control.pokes.clock_set(by)
            for loop in Loop:
                control.pokes.wake(loop)

    await keep_looking(Loop.TIME, look, pokes=first.pokes, clock=clock, at_latest=_EVERY)
