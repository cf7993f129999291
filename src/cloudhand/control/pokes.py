"""Pokes: "look again", without content. Any of them may be lost; the next scan finds the work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from cloudhand.core.ids import InstanceId, InvokeId, SessionId


class Loop(StrEnum):
    """The loops that can be poked."""

    LIFECYCLES = "lifecycles"
    DELIVERIES = "deliveries"
    EXECUTIONS = "executions"
    SCHEDULES = "schedules"
    RETENTION = "retention"
    AUDIT = "audit"
    NOTIFICATIONS = "notifications"
    UPGRADES = "upgrades"
    TIME = "time"
    OWN_KEY = "own key"  # who keeps that of the owner where its user finds it


class Kick(StrEnum):
    """Why an agent should fetch, as the protocol spells it."""

    RUN = "task run"
    STOP = "task stop"
    FILE = "file create"
    OPEN = "session start"
    CLOSE = "session stop"


Work = InvokeId | SessionId  # that an agent is told of; empty: all that there is for it
Kicker = Callable[[InstanceId, Kick, Work], None]
Parter = Callable[[InstanceId], None]
Cutter = Callable[[Collection[InstanceId]], None]
ClockSet = Callable[[timedelta], None]


class Pokes:
    """Between the verbs and whatever waits in this process."""

    def __init__(self) -> None:
        self._woken = {loop: asyncio.Event() for loop in Loop}
        self._expected: dict[Loop, datetime] = {}
        self._kicker: Kicker | None = None
        self._parter: Parter | None = None
        self._cutter: Cutter | None = None
        self._remembering: list[ClockSet] = []

    def wake(self, loop: Loop) -> None:
        self._woken[loop].set()

    def woken(self, loop: Loop) -> asyncio.Event:
        """Set by every poke; whoever waits clears it first, then looks, then waits."""
        return self._woken[loop]

    def expect(self, loop: Loop, by: datetime) -> None:
        """The loop has looked, and will do so again by then at the latest."""
        self._expected[loop] = by

    def expected(self) -> Mapping[Loop, datetime]:
        """By when each loop that runs looks again."""
        return self._expected

    def on_kick(self, kicker: Kicker | None) -> None:
        """Name who carries kicks to agents. Without one, agents find their work by themselves."""
        self._kicker = kicker

    def kick(self, instance_ids: Iterable[InstanceId], kick: Kick, work: Work) -> None:
        if self._kicker is not None:
            for instance_id in instance_ids:
                self._kicker(instance_id, kick, work)

    def on_clock_set(self, remembering: ClockSet) -> None:
        """Name who remembers moments, and is to know by how much the clock was set."""
        self._remembering.append(remembering)

    def clock_set(self, by: timedelta) -> None:
        for remembering in self._remembering:
            remembering(by)

    def on_part(self, parter: Parter) -> None:
        """Name who has agents that are known no more find that out."""
        self._parter = parter

    def part(self, instance_id: InstanceId) -> None:
        if self._parter is not None:
            self._parter(instance_id)

    def on_cut(self, cutter: Cutter) -> None:
        """Name who can end the channels of agents as if their network had."""
        self._cutter = cutter

    def cut(self, instance_ids: Collection[InstanceId]) -> None:
        """``instance_ids``: none for all."""
        if self._cutter is not None:
            self._cutter(instance_ids)
