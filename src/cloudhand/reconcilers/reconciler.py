"""The one loop: look, act, then sleep until poked or until something is due."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from cloudhand.control.pokes import Loop, Pokes
from cloudhand.core.clock import Clock
from cloudhand.store.database import StoreError

log = logging.getLogger(__name__)

# No poke is needed for anything to happen, only for it to happen sooner.
AT_LATEST = timedelta(seconds=5)

Look = Callable[[], Awaitable[datetime | None]]


async def keep_looking(
    loop: Loop, look: Look, *, pokes: Pokes, clock: Clock, at_latest: timedelta = AT_LATEST
) -> None:
    """Call ``look`` for ever. It answers when it wants to be called again, if it knows."""
    woken = pokes.woken(loop)
    pokes.expect(loop, clock.now())
    while True:
        # Cleared before looking, so that what is poked meanwhile is looked at again.
        woken.clear()
        due = None
        try:
            due = await look()
            pokes.expect(loop, clock.now() + at_latest)
        except Exception as error:  # an outermost loop: the next look may succeed
            if failure := _of_the_store(error):
                # Most likely a full disk, to which traces are not to be added.
                log.error("loop failed", extra={"loop": loop, "error": str(failure)})
            else:
                log.exception("loop failed", extra={"loop": loop})
        latest = clock.now() + at_latest
        await _woken_or_due(woken, clock, min(due, latest) if due else latest)


def _of_the_store(error: Exception) -> Exception | None:
    """What was said of the store, if nothing else went wrong."""
    if isinstance(error, ExceptionGroup):
        of_the_store, others = error.split(StoreError)
        return None if others or not of_the_store else of_the_store.exceptions[0]
    return error if isinstance(error, StoreError) else None


async def _woken_or_due(woken: asyncio.Event, clock: Clock, due: datetime) -> None:
    waits = [
        asyncio.ensure_future(woken.wait()),
        asyncio.ensure_future(clock.sleep_until(due)),
    ]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
