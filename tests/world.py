"""A whole control plane in one process, over virtual time and scripted machines.

Its methods are the language of the tests. Time passes only in ``advance`` and ``until``.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from cloudhand.api.inside import Inside, served
from cloudhand.api.products import OF_TEMPLATES
from cloudhand.control.accounts import new_key
from cloudhand.control.control import Control
from cloudhand.control.pokes import Pokes
from cloudhand.control.settings import ControlSettings
from cloudhand.control.tenancy import Tenancy
from cloudhand.core.account import owner
from cloudhand.core.command import CommandType
from cloudhand.core.ids import InstanceId, InvokeId
from cloudhand.core.invocation import Overall, overall
from cloudhand.core.notification import Answer
from cloudhand.core.orders import (
    InstanceFilter,
    InvocationFilter,
    NewCommand,
    NewInstances,
    NewInvocation,
    ResultView,
    RunOrder,
)
from cloudhand.core.page import Window
from cloudhand.core.upgrade import Release
from cloudhand.orchestration.actions.library import Library
from cloudhand.programs.pool import Pool
from cloudhand.reconcilers.deliveries import keep_delivering
from cloudhand.reconcilers.executions import Executions
from cloudhand.reconcilers.lifecycles import Lifecycles
from cloudhand.reconcilers.means import Means
from cloudhand.reconcilers.notifications import Deliver, Notifications
from cloudhand.reconcilers.retention import keep_forgetting
from cloudhand.reconcilers.schedules import keep_firing
from cloudhand.reconcilers.upgrades import keep_upgrading
from cloudhand.rehearsal.clock import VirtualClock
from cloudhand.store.database import Database, StoreError
from cloudhand.store.envelope import open_envelope
from cloudhand.store.sqlite import SqliteDatabase
from cloudhand.store.transaction import Transaction
from tests.machines import Behaviour, Machine, Machines, succeed
from tests.stillness import still_loop

_Answer = TypeVar("_Answer")

ALL = Window(limit=1000)


class Releases:
    """control.upgrades.Releases, of which a test says what is offered. No agent here checks it."""

    def __init__(self) -> None:
        self.release = Release(
            manifest="{}",
            signature="00",
            key="00",
            version="0.2.0",
            digest=hashlib.sha256(b"new").hexdigest(),
            package=b"new",
        )

    async def offered(self) -> Release:
        return self.release


class _Store(SqliteDatabase):
    """Its loop knows that it is at work."""

    _given_up = False  # whether it writes something for which nobody waits any more

    async def write(self, work: Callable[[Transaction], Awaitable[_Answer]]) -> _Answer:
        with still_loop().at_work():
            try:
                return await super().write(work)
            except (asyncio.CancelledError, GeneratorExit):
                self._given_up = True
                raise

    async def caught_up(self) -> None:
        if self._given_up:
            self._given_up = False
            with suppress(StoreError):  # a test may keep it from being written
                await self.write(_nothing)

    @asynccontextmanager
    async def turned(self, work: Callable[[Transaction], Awaitable[None]]) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            with still_loop().at_work():
                await stack.enter_async_context(super().turned(work))
            yield


class World:
    """``async with World(tmp_path) as world``"""

    random: Callable[[int], bytes] = staticmethod(os.urandom)  # of which ids are made

    def __init__(
        self,
        path: Path,
        *,
        settings: ControlSettings | None = None,
        behave: Behaviour = succeed,
        loops: bool = True,
        engine: bool = True,
        deliver: Deliver | None = None,
    ) -> None:
        """``engine``: whether executions are carried out here. ``deliver``: messages to people."""
        self.clock = VirtualClock()
        self.machines = Machines(behave)
        self.settings = settings or ControlSettings()
        self.path = path
        self._loops = loops
        self._engine = engine
        self._stack = AsyncExitStack()
        self.programs = Pool()
        self.library = Library(served(OF_TEMPLATES))
        self.posted: list[tuple[str, bytes]] = []
        self._deliver: Deliver = deliver or self.take
        self.releases = Releases()

    async def __aenter__(self) -> Self:
        await self._open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None and self._loops:
            await self.settle()
            # Whatever a test was about, nothing may stand still without an owner.
            assert await self.control.health.overdue() == 0
        await self._close()
        await self.programs.close()

    async def post(self, url: str, *, headers: Mapping[str, str], body: bytes, key: str) -> int:
        self.posted.append((url, body))
        return 200

    async def take(self, url: str, *, headers: Mapping[str, str], body: bytes, key: str) -> Answer:
        """Whatever a notification channel sends arrives."""
        return Answer(status=200, body=b'{"errcode": 0}')

    async def _open(self) -> None:
        key = self.path / "secret.key"
        envelope = open_envelope(key, new=not key.exists())
        self._envelope = envelope
        self.database = self._store("world")
        self.control = self._control(self.database, self.settings)
        self._others: dict[str, SqliteDatabase] = {}
        self.tenancy = Tenancy(self.control, self.database, self)
        await self.tenancy.open_all()
        self.executions = self.engine(self.database, self.control, self.library)
        self.notifications = Notifications(self.control, self._deliver)
        await self.control.agents.expect()
        self._stop = asyncio.Event()
        self._started = asyncio.Event()
        self._main = asyncio.create_task(self._run())
        await self._started.wait()

    def _store(self, name: str) -> _Store:
        return _Store(self.path / f"{name}.sqlite", self._envelope, durable=False)

    def _control(self, database: Database, settings: ControlSettings) -> Control:
        return Control(
            database=database,
            clock=self.clock,
            random=self.random,
            pokes=Pokes(),
            settings=settings,
            library=self.library,
            programs=self.programs,
            releases=self.releases,
        )

    # control.tenancy.Keeper: what is opened beside the first account has no machines

    async def open(self, account_id: str) -> Control:
        database = self._others[account_id] = self._store(account_id)
        control = self._control(database, replace(self.settings, account_id=account_id))
        if await control.accounts.first() is None:
            await control.accounts.add(new_key(owner(account_id)))
        return control

    async def close(self, account_id: str) -> None:
        await self._others.pop(account_id).close()
        (self.path / f"{account_id}.sqlite").unlink()

    def engine(self, database: Database, control: Control, library: Library) -> Executions:
        inside = Inside(control, self.tenancy, OF_TEMPLATES)
        means = Means(
            database=database,
            clock=self.clock,
            library=library,
            programs=self.programs,
            caller_of=inside.caller_of,
            check_read=inside.check_read,
            post=self.post,
        )
        return Executions(means, control.pokes)

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            self.machines.join(self.control, tasks)
            loops = []
            if self._loops:
                lifecycles = Lifecycles(
                    self.control, self.database, self.machines, "http://127.0.0.1:1"
                )
                loops = [
                    tasks.create_task(lifecycles.run()),
                    tasks.create_task(keep_delivering(self.control)),
                    tasks.create_task(keep_firing(self.control)),
                    tasks.create_task(keep_upgrading(self.control)),
                    tasks.create_task(keep_forgetting(self.control, self.database)),
                    tasks.create_task(self.notifications.run()),
                    *(tasks.create_task(loop) for loop in self.more_loops()),
                ]
                if self._engine:
                    loops.append(tasks.create_task(self.executions.run()))
            self._started.set()
            await self._stop.wait()
            for loop in (*loops, *self.machines.waiting):
                loop.cancel()

    def more_loops(self) -> list[Coroutine[Any, Any, None]]:
        return []

    async def _close(self) -> None:
        self._stop.set()
        await self._main
        for database in (self.database, *self._others.values()):
            await database.close()

    async def restart(self, *, after: timedelta = timedelta()) -> None:
        """End the control plane and start another one on the same state. Machines go on."""
        await self._close()
        self.clock.move_to(self.clock.now() + after)
        await self._open()

    @asynccontextmanager
    async def locked(self) -> AsyncIterator[None]:
        """Somebody else holds the store's lock for writing, for which nobody waits."""

        async def impatient(tx: Transaction) -> None:
            await tx.accounts._statements.fetch("PRAGMA busy_timeout = 0")

        await self.database.write(impatient)
        with closing(sqlite3.connect(self.path / "world.sqlite", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield

    async def settle(self) -> None:
        """Until nothing happens any more without time passing."""
        await self.database.caught_up()
        await still_loop().still(unless=self._busy)

    def _busy(self) -> bool:
        return bool(self.machines.busy or self.executions.busy or self.notifications.busy)

    async def advance(self, **span: float) -> None:
        """Let time pass, stopping wherever something is due."""
        end = self.clock.now() + timedelta(**span)
        await self.settle()
        while self.clock.now() < end:
            due = self.clock.next_moment
            self.clock.move_to(min(due, end) if due is not None else end)
            await self.settle()

    async def until(self, holds: Callable[[], object], *, at_most: float = 600) -> None:
        """Let time pass until ``holds()``, which may be a coroutine function, is true."""
        end = self.clock.now() + timedelta(seconds=at_most)
        while True:
            await self.settle()
            answer = holds()
            if asyncio.iscoroutine(answer):
                answer = await answer
            if answer:
                return
            assert self.clock.now() < end, f"not within {at_most} s of virtual time"
            due = self.clock.next_moment
            step = self.clock.now() + timedelta(milliseconds=250)
            self.clock.move_to(min(due, step) if due is not None else step)

    async def instances(self, count: int = 1, **order: object) -> list[InstanceId]:
        """New instances, running and online."""
        new = NewInstances(
            amount=count, region_id=self.settings.region_id, zone_id=self.settings.zone_ids[0]
        )
        made = await self.control.instances.create(replace(new, **order))  # type: ignore[arg-type]
        await self.until(lambda: self._all_in(made, "Running"))
        return made

    async def instance(self) -> InstanceId:
        return (await self.instances())[0]

    def machine(self, instance_id: InstanceId) -> Machine:
        return self.machines.machines[instance_id]

    async def _all_in(self, instance_ids: list[InstanceId], state: str) -> bool:
        return all([await self.status(instance_id) == state for instance_id in instance_ids])

    async def status(self, instance_id: InstanceId) -> str | None:
        """The state of an instance in our words; None once it is released."""
        page = await self.control.instances.find(InstanceFilter(ids=frozenset({instance_id})), ALL)
        return page.items[0].instance.state if page.items else None

    async def run(
        self, *instance_ids: InstanceId, script: str = "echo helloworld", **order: object
    ) -> InvokeId:
        """``order``: of the command or of the invocation, as their orders name it."""
        named = {one.name for one in fields(NewCommand)}
        command = {name: value for name, value in order.items() if name in named}
        invocation = {name: value for name, value in order.items() if name not in named}
        new = NewCommand(type=CommandType.SHELL, content=script.encode())
        asked = await self.control.invocations.run(
            RunOrder(
                command=replace(new, **command),  # type: ignore[arg-type]
                invocation=NewInvocation(instance_ids=instance_ids, **invocation),  # type: ignore[arg-type]
            )
        )
        return asked.invoke_id

    async def results(self, invoke_id: InvokeId) -> dict[InstanceId, ResultView]:
        page = await self.control.invocations.results(InvocationFilter(invoke_id=invoke_id), ALL)
        return {view.target.instance_id: view for view in page.items}

    async def result(self, invoke_id: InvokeId) -> ResultView:
        (view,) = (await self.results(invoke_id)).values()
        return view

    async def states(self, invoke_id: InvokeId) -> dict[InstanceId, str]:
        views = await self.results(invoke_id)
        return {instance_id: view.target.state.value for instance_id, view in views.items()}

    async def overall(self, invoke_id: InvokeId) -> Overall:
        views = await self.results(invoke_id)
        return overall(view.target.state for view in views.values())

    async def ended(self, invoke_id: InvokeId) -> bool:
        return all(view.target.final for view in (await self.results(invoke_id)).values())


async def _nothing(tx: object) -> None:
    return None
