"""Managed instances: look at them, and let one go."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from cloudhand.control.agents import Agents
from cloudhand.control.endings import end_with_instance
from cloudhand.control.pokes import Pokes
from cloudhand.core.audit import OK, Kind, Record
from cloudhand.core.clock import Clock
from cloudhand.core.errors import InstanceNotFound
from cloudhand.core.ids import InstanceId
from cloudhand.core.instance import Agent, ManagedInstance, online
from cloudhand.core.orders import ManagedFilter, ManagedView, Once
from cloudhand.core.page import Page, Window
from cloudhand.store.database import Database
from cloudhand.store.transaction import Transaction


class Managed:
    def __init__(self, database: Database, clock: Clock, pokes: Pokes, agents: Agents) -> None:
        self._database = database
        self._clock = clock
        self._pokes = pokes
        self._agents = agents

    async def find(self, wanted: ManagedFilter, window: Window) -> Page[ManagedView]:
        now = self._clock.now()

        async def work(tx: Transaction) -> Page[ManagedView]:
            page = await tx.managed.find(wanted, window, now=now)
            agents = await tx.agents.get_many([managed.id for managed in page.items])
            return Page(
                items=[self._view(managed, agents.get(managed.id)) for managed in page.items],
                total=page.total,
                next=page.next,
            )

        return await self._database.read(work)

    async def rename(
        self, instance_id: InstanceId, name: str, *, once: Once | None
    ) -> ManagedInstance:
        """InstanceNotFound."""
        now = self._clock.now()

        async def work(tx: Transaction) -> ManagedInstance:
            earlier = await tx.tokens.earlier(once, ManagedInstance)
            if earlier is not None:
                return earlier
            managed = await tx.managed.get(instance_id)
            if managed is None:
                raise InstanceNotFound([instance_id])
            renamed = replace(managed, name=name)
            await tx.managed.rename(instance_id, name)
            await tx.tokens.remember(once, renamed, at=now)
            return renamed

        return await self._database.write(work)

    async def deregistered(self, instance_id: InstanceId) -> bool:
        """Whether it was registered once, and is no more."""

        async def work(tx: Transaction) -> bool:
            return await tx.managed.deregistered(instance_id)

        return await self._database.read(work)

    async def deregister(self, instance_id: InstanceId, *, once: Once | None = None) -> ManagedView:
        """Let a machine go: its agent is known no more, and what it still had to do ends."""
        now = self._clock.now()

        async def work(tx: Transaction) -> ManagedView:
            earlier = await tx.tokens.earlier(once, ManagedView)
            if earlier is not None:
                return earlier
            managed = await tx.managed.get(instance_id)
            if managed is None:
                raise InstanceNotFound([instance_id])
            view = self._view(managed, await tx.agents.get(instance_id))
            await end_with_instance(
                tx, instance_id, "InstanceDeregistered", "the instance was deregistered", now
            )
            await tx.managed.deregister(instance_id, at=now)
            await tx.audit.add(_leaving(managed, now))
            await tx.activations.count_deregistered(managed.activation_id)
            await tx.tokens.remember(once, _without_key(view), at=now)
            return view

        view = await self._database.write(work)
        self._agents.forget(instance_id)
        self._pokes.part(instance_id)
        return view

    def _view(self, managed: ManagedInstance, agent: Agent | None) -> ManagedView:
        return ManagedView(
            managed=managed, agent=agent, online=online(agent, now=self._clock.now())
        )


def _leaving(managed: ManagedInstance, now: datetime) -> Record:
    """Who asked for it is in the record of the call; without one the machine did itself."""
    return Record(
        kind=Kind.JOINING,
        at=now,
        action="agent:Deregister",
        who=managed.id,
        outcome=OK,
        things=(f"instance/{managed.id}",),
        facts={"name": managed.name},
    )


def _without_key(view: ManagedView) -> ManagedView:
    return view if view.agent is None else replace(view, agent=replace(view.agent, key=b""))
