"""Simulated machines as a provider of them, joined to the desk of a control plane."""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import random
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, Protocol

from cloudhand.control.control import Control
from cloudhand.control.pokes import Kick, Work
from cloudhand.control.provider import Boot, Observed, Power, ProviderError
from cloudhand.core.ids import BootId, InstanceId
from cloudhand.gateway.desk import Desk
from cloudhand.store.database import StoreError
from cloudhand.wire import agent as wire
from tests.faults.virtual.agent import Agent
from tests.faults.virtual.ground import Answer, Plan, Question
from tests.faults.virtual.link import Unavailable
from tests.faults.virtual.machine import Machine
from tests.machines import registration
from tests.rehearsals.mortal import Killed

_GRID = 0.25  # seconds: who sleeps wakes with others, so that one look serves many

Strike = Callable[[InstanceId, str, str], bool]

# For whom a step is taken: the name of a run, or the id of a machine.
acting_for: contextvars.ContextVar[str] = contextvars.ContextVar("acting_for", default="")


class Clock(Protocol):
    @property
    def tick(self) -> float: ...

    async def rest(self, seconds: float) -> None: ...


class Where(Protocol):
    """The site of a fleet."""

    dead: bool  # whether its control plane is

    @property
    def clock(self) -> Clock: ...

    def broke(self, error: BaseException | None) -> None:
        """Something is wrong with the test itself."""


class Fleet:
    """control.provider.Provider, and the agents of its machines."""

    name = "fleet"

    def __init__(self, site: Where, chance: random.Random) -> None:
        self._site = site
        self._chance = chance
        self.machines: dict[InstanceId, Machine] = {}
        self.plans: dict[str, Plan] = {}  # by the name of a run, which is the text of its script
        self._plan_of: dict[tuple[str, str], Plan] = {}  # by task and machine, once it has begun
        self.strike: Callable[[InstanceId, str, str], bool] = lambda instance_id, name, task_id: (
            False
        )
        self.dispatches = 0
        self.boots = 0
        self.channels = -1
        self._pids = itertools.count(100)
        self.waiting: list[asyncio.Task[None]] = []
        self._tasks: set[asyncio.Task[Any]] = set()
        self._serving: set[asyncio.Task[Any]] = set()

    # A control plane comes and goes

    def join(self, control: Control, tasks: asyncio.TaskGroup) -> None:
        self.channels += 1
        self.control = control
        self.desk = Desk(control)
        control.pokes.on_kick(self.kick)

    def kick(self, instance_id: InstanceId, kick: Kick, work: Work) -> None:
        machine = self.machines.get(instance_id)
        if machine is not None and machine.agent is not None and machine.link.carries_kicks:
            machine.agent.kicked(work if kick is Kick.RUN else "")

    async def serve(self, question: Question[Answer], *, acting_for: str = "") -> Answer:
        """What a control plane answers, which goes on if its asker ends; Unavailable."""
        if self._site.dead:
            raise Unavailable("nobody listens")
        context = _acting(acting_for)
        task = asyncio.get_running_loop().create_task(self._served(question), context=context)
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        return await asyncio.shield(task)

    async def _served(self, question: Question[Answer]) -> Answer:
        try:
            answer = await question()
        except (Killed, StoreError, wire.Rejected) as error:
            raise Unavailable(str(error)) from None
        if self._site.dead:
            raise Unavailable("it died")
        return answer

    async def register(self, boot: Boot) -> wire.Registered:
        return await self.desk.register(registration(boot), address="127.0.0.1")

    # Virtual time

    @property
    def tick(self) -> float:
        """Seconds, by a clock that nobody sets."""
        return self._site.clock.tick

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._site.broke(task.exception())

    async def rest(self, seconds: float) -> None:
        await self._site.clock.rest(-(-seconds // _GRID) * _GRID)

    async def for_ever(self) -> None:
        await asyncio.Event().wait()

    async def first_of(self, *events: asyncio.Event, within: float) -> asyncio.Event | None:
        """Which of them is set first; None when none is in so many seconds."""
        loop = asyncio.get_running_loop()
        waits: list[asyncio.Task[Any]] = [loop.create_task(event.wait()) for event in events]
        waits.append(loop.create_task(self._site.clock.rest(within)))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        return next((event for event in events if event.is_set()), None)

    def plan_for(self, instance_id: InstanceId, task: wire.Task) -> Plan:
        """What a task does on a machine; the same text may have a plan of its own on each."""
        name = task.content.decode()
        plan = self.plans.get(name) or self.plans[f"{name} {instance_id}"]
        self._plan_of[task.task_id, instance_id] = plan
        return plan

    def plan_of(self, instance_id: InstanceId, task_id: str) -> Plan:
        """Of a task that has begun."""
        return self._plan_of[task_id, instance_id]

    def next_pid(self) -> int:
        return next(self._pids)

    # Faults

    def strikes(self, instance_id: InstanceId, name: str, task_id: str) -> bool:
        return self.strike(instance_id, name, task_id)

    async def close(self) -> None:
        for task in [*self._tasks, *self._serving]:
            task.cancel()

    # control.provider.Provider

    def _alive(self) -> None:
        if self._site.dead:
            raise Killed

    async def create(self, boot: Boot) -> None:
        self._alive()
        if boot.instance_id not in self.machines:
            chance = random.Random(self._chance.random())
            self.machines[boot.instance_id] = Machine(self, boot, chance, Agent)

    async def start(self, instance_id: InstanceId) -> None:
        self._alive()
        self.machines[instance_id].power_on()

    async def stop(self, instance_id: InstanceId, *, force: bool) -> None:
        self._alive()
        self.machines[instance_id].ask("stop")

    async def reboot(
        self, instance_id: InstanceId, *, force: bool, from_boot_id: BootId | None
    ) -> None:
        self._alive()
        machine = self.machines[instance_id]
        if machine.on and machine.boot_id == from_boot_id:
            machine.ask("restart")

    async def release(self, instance_id: InstanceId) -> None:
        raise ProviderError("nobody releases these")

    async def observe(self, instance_id: InstanceId) -> Observed:
        self._alive()
        machine = self.machines.get(instance_id)
        if machine is None:
            return Observed(power=Power.GONE)
        if machine.on:
            return Observed(power=Power.RUNNING, boot_id=machine.boot_id)
        return Observed(power=Power.STOPPED)

    async def changes(self) -> AsyncIterator[InstanceId]:
        await asyncio.Event().wait()  # hints may be lost, and here all are
        yield InstanceId("")


def _acting(name: str) -> contextvars.Context:
    context = contextvars.copy_context()
    context.run(acting_for.set, name)
    return context
