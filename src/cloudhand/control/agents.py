"""Agents join, show that they live, and leave."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from cloudhand import faults
from cloudhand.control.activations import hashed
from cloudhand.control.audit import Audit
from cloudhand.control.endings import booted, interrupt
from cloudhand.control.pokes import Loop, Pokes
from cloudhand.control.settings import ControlSettings
from cloudhand.control.speaker import Speaker
from cloudhand.core import activation as activations
from cloudhand.core import ids
from cloudhand.core.activation import Activation
from cloudhand.core.audit import OK, Kind, Origin, Record
from cloudhand.core.clock import Clock
from cloudhand.core.errors import (
    ActivationRefused,
    BadCursor,
    CloudhandError,
    InstanceNotFound,
    MachineKnown,
)
from cloudhand.core.ids import ActivationId, InstanceId, RandomBytes
from cloudhand.core.instance import (
    BACK_WITHIN,
    HEARD_WITHIN,
    ONLINE_WITHIN,
    Agent,
    AgentKind,
    Beat,
    Instance,
    ManagedInstance,
    State,
    another,
    cloned,
    lived,
    online,
    replaced,
    restarted,
)
from cloudhand.core.orders import AgentView
from cloudhand.core.page import Page, Window
from cloudhand.store.database import Database
from cloudhand.store.transaction import Transaction
from cloudhand.wire import agent as wire

log = logging.getLogger(__name__)

_SHOWN = 100  # characters of what a machine says of itself
_KEY_SIZE = 32  # bytes, of an HMAC-SHA256 key


class Agents:
    def __init__(
        self,
        database: Database,
        clock: Clock,
        random: RandomBytes,
        pokes: Pokes,
        settings: ControlSettings,
        audit: Audit,
    ) -> None:
        self._database = database
        self._clock = clock
        self._random = random
        self._pokes = pokes
        self._settings = settings
        self._audit = audit
        self._known: dict[InstanceId, Agent] = {}
        self._forgotten = 0  # how often something was; what was read before may be old

    async def get(self, instance_id: InstanceId) -> Agent | None:
        """Who this agent is. Held in memory, since every request asks: not what it said last."""
        known = self._known.get(instance_id)
        if known is None:

            async def work(tx: Transaction) -> Agent | None:
                return await tx.agents.get(instance_id)

            forgotten = self._forgotten
            known = await self._database.read(work)
            if known is not None and forgotten == self._forgotten:
                self._known[instance_id] = known
        return known

    def holds(self, instance_id: InstanceId) -> bool:
        """Whether ``get`` has it in memory."""
        return instance_id in self._known

    def forget(self, instance_id: InstanceId) -> None:
        self._forgotten += 1
        self._known.pop(instance_id, None)

    async def register(
        self, registration: wire.Registration, *, address: str, public_key: bytes
    ) -> wire.Registered:
        """Give an identity to a machine; ActivationRefused with a phrase, MachineKnown.

        ``public_key`` is the PEM of a published agent; empty: our agent, which is given a key.
        """
        now = self._clock.now()
        key = public_key or self._random(_KEY_SIZE)

        async def work(tx: Transaction) -> InstanceId:
            activation = await self._usable(tx, registration, address, now)
            instance_id = activation.instance_id
            if instance_id is None:
                joined = await self._joined(tx, activation, registration, address, now)
                await tx.activations.count_registered(activation.id)
                instance_id = joined.id
                await tx.audit.add(_joining(registration, address, now, instance_id=instance_id))
            await tx.agents.put(_agent(instance_id, key, bool(public_key), registration))
            return instance_id

        try:
            instance_id = await self._database.write(work)
        except (ActivationRefused, MachineKnown) as refusal:
            self._audit.note(_joining(registration, address, now, refusal=refusal))
            raise
        faults.point("plane.registered")
        self.forget(instance_id)
        if registration.force_reuse:  # an agent that had the identity has it no more
            self._pokes.part(instance_id)
        return wire.Registered(
            instance_id=instance_id,
            region_id=self._settings.region_id,
            key=b"" if public_key else key,
        )

    async def _usable(
        self, tx: Transaction, registration: wire.Registration, address: str, now: datetime
    ) -> Activation:
        activation = await tx.activations.get(ActivationId(registration.activation_id.upper()))
        # The same words for both, so that ids cannot be tried out.
        unknown = ActivationRefused("the activation id and code do not belong together")
        if activation is None:
            raise unknown
        if not hmac.compare_digest(activation.code_hash, hashed(registration.activation_code)):
            raise unknown
        reason = activations.refusal(activation, now=now, address=address)
        if reason is not None:
            raise ActivationRefused(reason)
        own = activation.instance_id
        if own is not None and await tx.instances.get(own) is None:
            raise ActivationRefused("the instance has been released")
        return activation

    async def _joined(
        self,
        tx: Transaction,
        activation: Activation,
        registration: wire.Registration,
        address: str,
        now: datetime,
    ) -> ManagedInstance:
        machine = registration.machine
        earlier = await tx.managed.of_machine(machine) if machine else None
        if earlier is not None and registration.force_reuse:
            await tx.activations.count_deregistered(earlier.activation_id)
            again = ManagedInstance(
                id=earlier.id,
                name=registration.instance_name or earlier.name,
                activation_id=activation.id,
                registered_at=now,
                internet_ip=address,
                tags={**earlier.tags, **activation.tags, **dict(registration.tags)},
                resource_group_id=activation.resource_group_id or earlier.resource_group_id,
            )
            await tx.managed.register_again(again)
            return again
        if earlier is not None and registration.fingerprint:
            raise MachineKnown(machine)
        instance_id = ids.managed_instance_id(self._random)
        name = registration.instance_name
        if not name and activation.instance_name:
            name = activations.numbered_name(activation)
        new = ManagedInstance(
            id=instance_id,
            name=name or registration.hostname or instance_id,
            activation_id=activation.id,
            registered_at=now,
            internet_ip=address,
            tags={**activation.tags, **dict(registration.tags)},
            resource_group_id=activation.resource_group_id,
        )
        await tx.managed.add(new)
        return new

    async def beat(self, speaker: Speaker, beat: Beat, *, version: str) -> None:
        """The agent lives; and perhaps its machine, or it, has been restarted."""
        now = self._clock.now()

        async def work(tx: Transaction) -> bool:
            before = await tx.agents.get(speaker.id)
            if before is None:
                return False
            if lived(before, beat, now=now):
                if another(before, beat, now=now):
                    await _doubled(tx, before, now)
            elif before.kind is AgentKind.PUBLISHED and not cloned(before, now=now):
                await _restarts(tx, before, beat, now)
            await tx.agents.seen(
                speaker.id, replace(beat, pid=beat.pid or before.pid), at=now, version=version
            )
            news = before.boot_id != beat.boot_id or not online(before, now=now)
            if news:
                await tx.instances.look_at(speaker.id, at=now)
            return news

        known = (speaker.agent.version, speaker.agent.upgradable)
        if known != (version or speaker.agent.version, beat.upgradable):
            self.forget(speaker.id)
        news = await self._database.write(work)
        faults.point("plane.beat")
        if news:
            self._pokes.wake(Loop.LIFECYCLES)
            self._pokes.wake(Loop.DELIVERIES)

    async def expect(self) -> None:
        """A control plane starts: its agents come back soon, or are not online any more."""
        until = self._clock.now() + HEARD_WITHIN

        async def work(tx: Transaction) -> None:
            await tx.agents.all_gone(at=until, beat_after=until - ONLINE_WITHIN)

        await self._database.write(work)

    async def came(self, instance_id: InstanceId) -> None:
        """Its channel is open."""

        async def work(tx: Transaction) -> None:
            await tx.agents.heard(instance_id)

        await self._database.write(work)

    async def went(self, instance_id: InstanceId, *, for_good: bool) -> None:
        """Its channel has ended: it said that it ends, or else may come back at once."""
        now = self._clock.now()

        async def work(tx: Transaction) -> None:
            await tx.agents.gone(instance_id, at=now if for_good else now + BACK_WITHIN)

        await self._database.write(work)

    async def statuses(self, wanted: Sequence[InstanceId], window: Window) -> Page[AgentView]:
        """Of the instances named, in that order; of all when none is. InstanceNotFound."""
        now = self._clock.now()

        async def work(tx: Transaction) -> Page[AgentView]:
            everything = await _everything(tx)
            missing = [instance_id for instance_id in wanted if instance_id not in everything]
            if missing:
                raise InstanceNotFound(missing)
            chosen = list(dict.fromkeys(wanted)) or everything
            start = _position(window)
            shown = chosen[start : start + window.limit]
            agents = await tx.agents.get_many(shown)
            instances = {i.id: i for i in await tx.instances.get_many(shown)}
            running = await tx.targets.running_counts()
            end = start + len(shown)
            return Page(
                items=[
                    AgentView(
                        instance_id=instance_id,
                        agent=agents.get(instance_id),
                        online=_within_reach(
                            instances.get(instance_id), agents.get(instance_id), now
                        ),
                        running_count=running.get(instance_id, 0),
                        cloned=cloned(agents.get(instance_id), now=now),
                    )
                    for instance_id in shown
                ],
                total=len(chosen),
                next=str(end) if end < len(chosen) else "",
            )

        return await self._database.read(work)


def _position(window: Window) -> int:
    if not window.after:
        return window.offset
    if not window.after.isdigit():
        raise BadCursor(window.after)
    return int(window.after)


def _within_reach(instance: Instance | None, agent: Agent | None, now: datetime) -> bool:
    """A managed instance, which is none of ours, is known by its agent alone."""
    if instance is None:
        return online(agent, now=now)
    # One that is to restart runs until it does.
    there = instance.state in (State.RUNNING, State.REBOOTING)
    return there and online(agent, now=now, boot_id=instance.boot_id)


async def _everything(tx: Transaction) -> list[InstanceId]:
    """All instances of both kinds, oldest first, so that a position stays right."""
    return [
        *(instance.id for instance in await tx.instances.all_present()),
        *await tx.managed.with_tags({}),
    ]


def _agent(
    instance_id: InstanceId, key: bytes, published: bool, registration: wire.Registration
) -> Agent:
    return Agent(
        instance_id=instance_id,
        kind=AgentKind.PUBLISHED if published else AgentKind.CLOUDHAND,
        key=key,
        machine_id=registration.machine,
        version=registration.agent_version,
        os_type=registration.os_type.lower() or "linux",
        os_version=registration.os_version,
        hostname=registration.hostname,
        intranet_ip=registration.intranet_ip,
    )


def _joining(
    registration: wire.Registration,
    address: str,
    now: datetime,
    *,
    instance_id: InstanceId | None = None,
    refusal: CloudhandError | None = None,
) -> Record:
    facts = {
        "activationId": registration.activation_id[:_SHOWN],
        "hostname": registration.hostname[:_SHOWN],
        "why": str(refusal)[:_SHOWN] if refusal else "",
    }
    return Record(
        kind=Kind.JOINING,
        at=now,
        action="agent:Register",
        who=instance_id or "",
        outcome=type(refusal).__name__ if refusal else OK,
        origin=Origin(address=address),
        things=(f"instance/{instance_id}",) if instance_id else (),
        facts=facts,
    )


async def _doubled(tx: Transaction, before: Agent, now: datetime) -> None:
    """Two run at the same time: nothing is concluded from what they say in turn."""
    if not cloned(before, now=now):
        log.warning(
            "two agents speak as one: its machine, or its state, has been copied",
            extra={"instance": before.instance_id},
        )
    await tx.agents.cloned(before.instance_id, at=now)


async def _restarts(tx: Transaction, before: Agent, beat: Beat, now: datetime) -> None:
    """The published agent says nothing of restarts: its uptime and its pid do."""
    # It may have fetched, and even run, something before a beat of it was heard.
    began = now - beat.process_uptime
    if restarted(before, beat, now=now):
        await interrupt(tx, before.instance_id, "InstanceRestarted", now, fetched_before=began)
        await booted(tx, before.instance_id, None, now)
    elif replaced(before, beat):
        await interrupt(tx, before.instance_id, "ClientRestarted", now, fetched_before=began)
