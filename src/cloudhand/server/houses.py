"""All accounts of a control plane, as they come and go."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress

from cloudhand.control.control import Control
from cloudhand.control.tenancy import Tenancy
from cloudhand.core.account import FIRST_ID, AccessKey
from cloudhand.core.ids import ActivationId, InstanceId, SessionId
from cloudhand.gateway.office import Office
from cloudhand.providers.sandbox.instance import remove_tree
from cloudhand.server.databases import account_folder, account_folders, open_database
from cloudhand.server.house import Ground, House
from cloudhand.store.database import StoreError
from cloudhand.store.sqlite import SqliteDatabase


class Houses:
    """control.tenancy.Keeper and gateway.office.Offices."""

    def __init__(self, ground: Ground, database: SqliteDatabase) -> None:
        """``database``: of the first account."""
        self._ground = ground
        self._state = ground.settings.state
        self._first = House(ground, self._state, database, FIRST_ID)
        self._houses = {FIRST_ID: self._first}
        self._tasks: asyncio.TaskGroup | None = None
        self._running: dict[str, asyncio.Task[None]] = {}
        self.tenancy = Tenancy(self._first.control, database, self)

    async def prepare(self) -> AccessKey:
        """Open all that were open; the key of the first one's owner. StoreError."""
        key = await self._first.prepare()
        await self.tenancy.open_all()
        for folder in account_folders(self._state):
            if folder.name not in self._houses:  # it was being closed when all ended
                await asyncio.to_thread(remove_tree, str(folder))
        return key

    async def run(self) -> None:
        """Run the loops of all, for ever."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            for account_id in list(self._houses):
                self._start(account_id, tasks)
            await asyncio.Event().wait()

    async def close_all(self) -> None:
        ends = self._ground.settings.ends_instances
        async with AsyncExitStack() as stack:
            for house in self._houses.values():
                stack.push_async_callback(house.close, ends_instances=ends)

    # control.tenancy.Keeper

    async def open(self, account_id: str) -> Control:
        database = await asyncio.to_thread(open_database, self._state, account_id)
        house = House(self._ground, account_folder(self._state, account_id), database, account_id)
        try:
            await house.prepare()
        except StoreError:
            await house.close(ends_instances=False)
            raise
        self._houses[account_id] = house
        if self._tasks is not None:
            self._start(account_id, self._tasks)
        return house.control

    async def close(self, account_id: str) -> None:
        house = self._houses.pop(account_id)
        running = self._running.pop(account_id)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        await house.close(ends_instances=True)
        folder = account_folder(self._state, account_id)
        await asyncio.to_thread(remove_tree, str(folder))

    # gateway.office.Offices

    async def of_agent(self, instance_id: InstanceId) -> Office:
        return self._office(await self.tenancy.of_agent(instance_id))

    async def of_activation(self, activation_id: ActivationId) -> Office:
        return self._office(await self.tenancy.of_activation(activation_id))

    async def of_session(self, session_id: SessionId) -> Office:
        return self._office(await self.tenancy.of_session(session_id))

    def _office(self, control: Control) -> Office:
        """The first account's, which turns away who asks, once this one is closed."""
        return self._houses.get(control.settings.account_id, self._first).office

    def _start(self, account_id: str, tasks: asyncio.TaskGroup) -> None:
        house = self._houses[account_id]
        self._running[account_id] = tasks.create_task(house.run(self.tenancy))
