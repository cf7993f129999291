"""What simulated machines, agents and links stand on: virtual time, and who serves them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from cloudhand.control.control import Control
from cloudhand.control.provider import Boot
from cloudhand.core.ids import InstanceId
from cloudhand.gateway.desk import Desk
from cloudhand.wire import agent as wire
from tests.faults.checker import End

Answer = TypeVar("Answer")
Question = Callable[[], Awaitable[Answer]]


@dataclass
class Plan:
    """What a script does, and what is seen of it."""

    name: str
    end: End
    takes: float = 0.0  # seconds
    output: bytes = b""
    lines: list[str] = field(default_factory=list)  # that it leaves
    holder_killed: bool = False


class Ground(Protocol):
    control: Control
    desk: Desk
    boots: int
    dispatches: int
    channels: int  # how often all channels of agents were lost

    @property
    def tick(self) -> float:
        """Seconds, by a clock that nobody sets."""

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]: ...

    async def rest(self, seconds: float) -> None:
        """For so long in virtual time."""

    async def for_ever(self) -> None: ...

    async def first_of(self, *events: asyncio.Event, within: float) -> asyncio.Event | None:
        """Which of them is set first; None when none is in so many seconds."""

    async def serve(self, question: Question[Answer], *, acting_for: str = "") -> Answer:
        """What the control plane answers, which goes on if its asker ends; Unavailable."""

    async def register(self, boot: Boot) -> wire.Registered: ...

    def next_pid(self) -> int: ...

    def strikes(self, instance_id: InstanceId, name: str, task_id: str) -> bool:
        """Whether something befalls the machine as an agent of it comes to a step."""

    def plan_for(self, instance_id: InstanceId, task: wire.Task) -> Plan:
        """What a task does on a machine."""

    def plan_of(self, instance_id: InstanceId, task_id: str) -> Plan:
        """Of a task that has begun."""
