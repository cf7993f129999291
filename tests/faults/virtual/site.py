"""A control plane in this process that can be killed at any of its steps, and simulated machines.

Killed is killed: from that instant on nothing that it does reaches its store, a machine or
whoever asked it.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from cloudhand import faults
from cloudhand.api.answer import handled
from cloudhand.api.ecs.operations import OPERATIONS
from cloudhand.api.operation import Call
from cloudhand.api.refusal import Refused
from cloudhand.core import ids
from cloudhand.core.account import owner
from cloudhand.core.ids import InstanceId
from cloudhand.reconcilers.timekeeping import keep_time
from cloudhand.rehearsal.clock import VirtualClock
from cloudhand.store.database import StoreError
from cloudhand.wire import rpc
from tests.faults.virtual.fleet import Fleet
from tests.faults.virtual.link import NotDone, Unavailable
from tests.faults.virtual.machine import Machine
from tests.rehearsals.mortal import Killed
from tests.world import World

FULL = "database or disk is full"
READ_ONLY = "attempt to write a readonly database"


class SettableClock(VirtualClock):
    """core.clock.SteadyClock over virtual time, and the clock of a machine that somebody sets."""

    def __init__(self) -> None:
        super().__init__()
        self._began = super().now()
        self._shown_wrong_by = timedelta()
        self.wrong_by = timedelta()  # the machine's clock

    def now(self) -> datetime:
        return super().now() + self._shown_wrong_by

    async def sleep_until(self, moment: datetime) -> None:
        await super().sleep_until(moment - self._shown_wrong_by)

    def astray(self) -> timedelta:
        return self.wrong_by - self._shown_wrong_by

    def follow(self, by: timedelta) -> None:
        self._shown_wrong_by += by

    async def rest(self, seconds: float) -> None:
        await super().sleep_until(super().now() + timedelta(seconds=seconds))

    @property
    def tick(self) -> float:
        return (super().now() - self._began).total_seconds()

    @property
    def right(self) -> datetime:
        return super().now()


class Site(World):
    """``async with Site(path, chance) as site``"""

    clock: SettableClock

    def __init__(self, path: Path, chance: random.Random) -> None:
        super().__init__(path)
        self.clock = SettableClock()
        self.random = random.Random(chance.random()).randbytes
        self.fleet = Fleet(self, chance)
        self.machines = self.fleet  # type: ignore[assignment]
        self.dead = False
        self.unwritable = ""  # why nothing can be written to the store
        self.on_step: Callable[[str], None] = lambda name: None
        self.kills = 0
        self.rounds = 0
        self._broken: BaseException | None = None

    async def __aenter__(self) -> Self:
        faults.hook = self._step
        self.loop = asyncio.get_running_loop()
        return await super().__aenter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            await self.fleet.close()
            self.dead = False
            self.unwritable = ""
            await super().__aexit__(kind, error, trace)
        finally:
            faults.hook = None

    def more_loops(self) -> list[Coroutine[Any, Any, None]]:
        return [keep_time(self.control, self.clock, lambda: self.tenancy.controls)]

    def broke(self, error: BaseException | None) -> None:
        self._broken = self._broken or error

    def _busy(self) -> bool:
        return self.executions.busy or self.notifications.busy  # its machines are seen

    def _step(self, name: str) -> None:
        if name.startswith("agent."):
            return
        if not self.dead:
            self.on_step(name)
        if name == "store.commit":
            if self.dead or self.unwritable:
                raise sqlite3.OperationalError(self.unwritable or "killed")
        elif self.dead:
            raise Killed

    def lost(self, machine: Machine) -> None:
        """The channel of its agent has ended, as the gateway sees it."""

        async def went() -> None:
            await self.control.agents.went(machine.instance_id, for_good=False)

        self.fleet.spawn(self._told(went))

    async def _told(self, what: Callable[[], Awaitable[None]]) -> None:
        with suppress(Unavailable):
            await self.fleet.serve(what)

    def kill(self) -> None:
        """At this instant; ``revive`` starts another one."""
        self.dead = True
        self.kills += 1

    async def revive(self) -> None:
        await super().settle()
        self._main.cancel()
        with suppress(asyncio.CancelledError, BaseExceptionGroup):
            await self._main
        for database in (self.database, *self._others.values()):
            await database.close()
        self.dead = False
        on_step, self.on_step = self.on_step, lambda name: None  # it is let start
        await self._open()
        await super().settle()
        self.on_step = on_step

    async def settle(self) -> None:
        await super().settle()
        if self.dead:
            await self.revive()
        if self._broken is not None:
            raise self._broken
        if self._main.done():
            await self._main

    async def advance_to(self, tick: float) -> None:
        """Let time pass, stopping wherever something is due."""
        await self.settle()
        while self.clock.tick < tick:
            due = self.clock.next_moment
            end = self.clock.right + timedelta(seconds=tick - self.clock.tick)
            self.clock.move_to(min(due, end) if due is not None else end)
            await self.settle()

    # What a person or a program asks by the API

    async def call(self, action: str, *, by: str = "", **parameters: Any) -> dict[str, Any]:
        """The answer as JSON; Unavailable when there is none, NotDone when it is a refusal.

        ``by``: which run it is about.
        """

        async def asked() -> dict[str, Any]:
            account = self.settings.account_id
            call = Call(
                caller=owner(account),
                action=action,
                flat={"RegionId": self.settings.region_id, **rpc.flatten(dict(parameters))},
                request_id=ids.request_id(self.control.random),
                host="",
                now=self.clock.now(),
                control=self.control,
                tenancy=self.tenancy,
            )
            result = await handled(OPERATIONS[action], call)
            return dict(msgspec.to_builtins(result))

        try:
            return await self.fleet.serve(asked, acting_for=by)
        except Refused as refused:
            raise NotDone(str(refused)) from None

    async def made(self, count: int) -> list[InstanceId]:
        """New machines, running and online."""
        answer = await self.call("RunInstances", Amount=count)
        made = [InstanceId(one) for one in answer["InstanceIdSets"]["InstanceIdSet"]]
        for _ in range(600):
            await self.advance_to(self.clock.tick + 1)
            with suppress(StoreError):
                if await self._all_in(made, "Running"):
                    return made
        raise AssertionError("they have not come")
