"""Targets whose deadline has passed are decided; agents with work waiting are kicked again."""

from __future__ import annotations

from datetime import datetime

from cloudhand.control.control import Control
from cloudhand.control.pokes import Loop
from cloudhand.reconcilers.reconciler import keep_looking
from cloudhand.store.database import StoreError


async def keep_delivering(control: Control) -> None:
    """Run for ever."""
    heard = False  # whether agents could be heard since the last look

    async def look() -> datetime | None:
        nonlocal heard
        if not heard:
            await control.deadlines.resume()
            heard = True
        try:
            waiting = await control.deadlines.expire()
        except StoreError:
            heard = False  # no report was taken then, either
            control.notifications.nobody_was_heard()
            raise
        await control.deadlines.kick_waiting(waiting)
        return await control.deadlines.next_deadline()

    await keep_looking(Loop.DELIVERIES, look, pokes=control.pokes, clock=control.clock)
