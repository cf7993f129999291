"""Agents are upgraded by themselves, as AgentUpgradeConfig says."""

from __future__ import annotations

from datetime import timedelta

from cloudhand.control.control import Control
from cloudhand.control.pokes import Loop
from cloudhand.reconcilers.reconciler import keep_looking

# When the next is begun if none has ended: a window may have opened, or an agent have come.
_EVERY = timedelta(seconds=30)


async def keep_upgrading(control: Control) -> None:
    """Run for ever."""
    await keep_looking(
        Loop.UPGRADES,
        control.upgrades.begin_due,
        pokes=control.pokes,
        clock=control.clock,
        at_latest=_EVERY,
    )
