"""What runs again is begun when it is due."""

from __future__ import annotations

from cloudhand.control.control import Control
from cloudhand.control.pokes import Loop
from cloudhand.reconcilers.reconciler import keep_looking


async def keep_firing(control: Control) -> None:
    """Run for ever."""
    await keep_looking(
        Loop.SCHEDULES, control.schedules.fire, pokes=control.pokes, clock=control.clock
    )
