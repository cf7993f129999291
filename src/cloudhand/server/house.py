"""One account: its store, its verbs, its loops and its machines."""

from __future__ import annotations

import asyncio
import logging
import os
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from cloudhand.api.inside import Inside, served
from cloudhand.api.products import OF_TEMPLATES
from cloudhand.control.accounts import new_key
from cloudhand.control.control import Control
from cloudhand.control.pokes import Pokes
from cloudhand.control.settings import ControlSettings
from cloudhand.control.tenancy import Tenancy
from cloudhand.control.upgrades import Releases
from cloudhand.core.account import AccessKey, owner
from cloudhand.core.clock import Clock
from cloudhand.gateway.channel import Channel
from cloudhand.gateway.office import Office
from cloudhand.orchestration.actions.library import Library
from cloudhand.programs.pool import Pool
from cloudhand.providers.sandbox.plan import Mode
from cloudhand.providers.sandbox.provider import SandboxProvider
from cloudhand.reconcilers.deliveries import keep_delivering
from cloudhand.reconcilers.executions import Executions
from cloudhand.reconcilers.lifecycles import Lifecycles
from cloudhand.reconcilers.means import Means
from cloudhand.reconcilers.notifications import Notifications
from cloudhand.reconcilers.retention import keep_forgetting
from cloudhand.reconcilers.schedules import keep_firing
from cloudhand.reconcilers.upgrades import keep_upgrading
from cloudhand.server.outward import Outward
from cloudhand.server.settings import Settings
from cloudhand.server.trail import FOLDER, keep_trail
from cloudhand.store.database import StoreError
from cloudhand.store.sqlite import SqliteDatabase

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What all accounts of a control plane have in common."""

    settings: Settings
    clock: Clock
    mode: Mode  # in which instances are made
    agent: Path  # that they run
    releases: Releases  # of it, for agents elsewhere
    url: str  # where agents find the control plane
    ca: str  # PEM of its authority; empty without https
    programs: Pool
    library: Library


class House:
    def __init__(
        self, ground: Ground, folder: Path, database: SqliteDatabase, account_id: str
    ) -> None:
        """``folder``: of what the machines leave. ``database`` is closed with the house."""
        self._ground = ground
        self._folder = folder
        self.database = database
        self.control = _control(ground, database, account_id)
        self._outward = Outward(ground.settings.outward)
        self._channel = Channel(self.control.agents)
        self.office = Office(self.control, self._channel)
        pokes = self.control.pokes
        pokes.on_kick(self._channel.kick)
        pokes.on_part(self._channel.part)
        pokes.on_cut(self._channel.cut)
        self._provider = SandboxProvider(
            folder / "sandbox",
            mode=ground.mode,
            agent=ground.agent,
            tether=ground.settings.temporary,
        )
        self._lifecycles = Lifecycles(self.control, database, self._provider, ground.url, ground.ca)

    async def prepare(self) -> AccessKey:
        """See what became of the machines, before anybody asks; the key of the owner."""
        await self._lifecycles.survey()
        await self.control.agents.expect()  # before one of them can be heard
        return await _ensure_access_key(self.control)

    async def run(self, tenancy: Tenancy) -> None:
        """Run all loops, for ever."""
        control = self.control
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._channel.run())
            tasks.create_task(self._lifecycles.run())
            tasks.create_task(keep_delivering(control))
            tasks.create_task(keep_firing(control))
            tasks.create_task(keep_upgrading(control))
            tasks.create_task(self._executions(tenancy).run())
            tasks.create_task(Notifications(control, self._outward.send).run())
            tasks.create_task(keep_forgetting(control, self.database))
            tasks.create_task(keep_trail(control, self._folder / FOLDER))

    async def close(self, *, ends_instances: bool) -> None:
        """Let go of the store and of the machines, which go on unless they are ended."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.database.close)
            stack.push_async_callback(self._keep_records)
            stack.push_async_callback(self._provider.close)
            if ends_instances:
                stack.push_async_callback(self._provider.shutdown)

    async def _keep_records(self) -> None:
        try:
            await self.control.audit.flush()
        except StoreError as error:
            log.error("what was recorded last is lost", extra={"error": str(error)})

    def _executions(self, tenancy: Tenancy) -> Executions:
        inside = Inside(self.control, tenancy, OF_TEMPLATES)
        means = Means(
            database=self.database,
            clock=self.control.clock,
            library=self._ground.library,
            programs=self._ground.programs,
            caller_of=inside.caller_of,
            check_read=inside.check_read,
            post=self._outward,
        )
        return Executions(means, self.control.pokes)


def library() -> Library:
    """The actions of templates, over the operations that are here."""
    return Library(served(OF_TEMPLATES))


def _control(ground: Ground, database: SqliteDatabase, account_id: str) -> Control:
    settings = ground.settings
    usual = ControlSettings
    limits = settings.limits
    wanted = ControlSettings(
        account_id=account_id,
        region_id=settings.region_id,
        power_exit_codes=settings.power_exit_codes,
        power_wait=timedelta(seconds=settings.power_wait),
        targets_limit=settings.instances_per_call,
        invocations_per_day=settings.invocations_per_day,
        requests_per_second=settings.requests_per_second,
        output_limit=settings.output_limit,
        outputs_quota=settings.outputs_quota,
        audit_kept=timedelta(days=settings.audit_days),
        agent_gone_after=timedelta(minutes=settings.agent_gone_after),
        instances_limit=limits.get("instances", usual.instances_limit),
        commands_limit=limits.get("commands", usual.commands_limit),
        activations_limit=limits.get("activations", usual.activations_limit),
        sessions_limit=limits.get("sessions", usual.sessions_limit),
        accounts_limit=limits.get("accounts", usual.accounts_limit),
    )
    return Control(
        database=database,
        clock=ground.clock,
        random=os.urandom,
        pokes=Pokes(),
        settings=wanted,
        library=ground.library,
        programs=ground.programs,
        releases=ground.releases,
    )


async def _ensure_access_key(control: Control) -> AccessKey:
    """The oldest one of the owner, made when there is none."""
    key = await control.accounts.first()
    if key is None:
        key = new_key(owner(control.settings.account_id))
        await control.accounts.add(key)
    return key
