"""Targets whose deadline has passed are decided; agents with work waiting are kicked again."""

from __future__ import annotations

from datetime import datetime

from cloudhand.control.control import Control
from cloudhand.control.pokes import Loop
from cloudhand.reconcilers.reconciler import keep_looking


async def keep_delivering(control: Control) -> None:
    """Run for ever."""
    await control.deliveries.resume()

    async def look() -> datetime | None:
        waiting = await control.deliveries.expire()
        await control.deliveries.kick_waiting(waiting)
        return await control.deliveries.next_deadline()

    await keep_looking(
        "deliveries", look, woken=control.pokes.woken(Loop.DELIVERIES), clock=control.clock
    )
