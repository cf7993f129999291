"""Carry out standing orders on providers, and observe what machines do by themselves."""

from __future__ import annotations

import asyncio
import logging
import os
from datetime import datetime, timedelta
from typing import Any, assert_never

from cloudhand import faults
from cloudhand.control import turns
from cloudhand.control.control import Control
from cloudhand.control.endings import booted, end_with_instance, hasten
from cloudhand.control.pokes import Loop
from cloudhand.control.power_actions import order
from cloudhand.control.provider import Boot, Observed, Power, Provider, ProviderError
from cloudhand.control.settings import ControlSettings
from cloudhand.core import power
from cloudhand.core.governor import Asker, Granted, Refused, Wait, Word
from cloudhand.core.ids import InstanceId
from cloudhand.core.instance import INSTANCE, Event, Instance, State, online
from cloudhand.reconcilers.reconciler import keep_looking
from cloudhand.store.claims import Claim
from cloudhand.store.database import Database
from cloudhand.store.transaction import Transaction

log = logging.getLogger(__name__)

_AT_ONCE = 16  # provider calls at the same time
_LEASE = timedelta(minutes=2)
_CALL_TIMEOUT = 60.0  # seconds; well within the lease, so that no call outlives its claim
_AGAIN = timedelta(milliseconds=250)  # between looks at a machine that changes its power
_AGAIN_AFTER_ERROR = timedelta(seconds=2)
_LOOPING_ASKS_AFTER = timedelta(seconds=30)
_SCAN_EVERY = timedelta(seconds=10)  # for changes that no hint told of
# A machine is Running without its agent only after this in one boot; its provider is then the only
# witness.
_AGENT_BOUND = timedelta(seconds=120)
_START_BOUND = timedelta(minutes=3)
_STOP_BOUND = timedelta(seconds=60)  # then a stop that was asked for politely cuts the power


class Lifecycles:
    def __init__(
        self,
        control: Control,
        database: Database,
        provider: Provider,
        server_url: str,
        ca: str = "",
    ) -> None:
        """``server_url`` and ``ca``: as machines are told them (control.provider.Boot)."""
        self._control = control
        self._clock = control.clock
        self._database = database
        self._provider = provider
        self._server_url = server_url
        self._ca = ca
        self._by = f"{os.getpid()}-{os.urandom(4).hex()}"
        self._hints: set[InstanceId] = set()
        self._scan_at = self._clock.now()
        control.pokes.on_clock_set(self._clock_set)

    def _clock_set(self, by: timedelta) -> None:
        self._scan_at += by

    async def survey(self) -> None:
        """See what became of all machines while nobody looked, before anybody asks."""
        try:
            await self._observe_some()
        except ProviderError as error:
            log.warning("cannot see the instances", extra={"failure": str(error)})

    async def run(self) -> None:
        """Run for ever."""

        async def free(tx: Transaction) -> None:
            await tx.instances.free_claims()

        await self._database.write(free)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen())
            tasks.create_task(
                keep_looking(
                    Loop.LIFECYCLES,
                    self._look,
                    pokes=self._control.pokes,
                    clock=self._clock,
                )
            )

    async def _listen(self) -> None:
        async for instance_id in self._provider.changes():
            self._hints.add(instance_id)
            self._control.pokes.wake(Loop.LIFECYCLES)

    async def _look(self) -> datetime | None:
        await self._observe_some()
        claims = await self._claim()
        async with asyncio.TaskGroup() as tasks:
            for claim in claims:
                tasks.create_task(self._handle(claim))

        async def work(tx: Transaction) -> datetime | None:
            return await tx.instances.next_due()

        return await self._database.read(work)

    async def _claim(self) -> list[Claim[Instance]]:
        async def work(tx: Transaction) -> list[Claim[Instance]]:
            return await tx.instances.claim_due(
                now=self._clock.now(), lease=_LEASE, by=self._by, limit=_AT_ONCE
            )

        return await self._database.write(work)

    async def _observe_some(self) -> None:
        """Look at machines that changed, and now and then at all of them."""
        now = self._clock.now()
        hints, self._hints = self._hints, set()

        async def work(tx: Transaction) -> list[Instance]:
            for instance_id in hints:
                await tx.instances.poke(instance_id, at=now)
            if now >= self._scan_at:
                return await tx.instances.all_present()
            return await tx.instances.get_many(sorted(hints))

        if not hints and now < self._scan_at:
            return
        instances = await self._database.write(work)
        if now >= self._scan_at:
            self._scan_at = now + _SCAN_EVERY
        for instance in instances:
            if instance.state in (State.RUNNING, State.STOPPED):
                await self._observe(instance)

    async def _observe(self, instance: Instance) -> None:
        """Record what a machine without a standing order does by itself."""
        observed = await self._provider.observe(instance.id)
        now = self._clock.now()

        async def work(tx: Transaction) -> None:
            current = await tx.instances.get(instance.id)
            if current is None or current.version != instance.version:
                return
            await _drifted(tx, current, observed, now, self._control.settings)

        await self._database.write(work)

    async def _handle(self, claim: Claim[Instance]) -> None:
        try:
            async with asyncio.timeout(_CALL_TIMEOUT):
                await self._carry_out(claim)
        except (ProviderError, TimeoutError) as error:
            failure = str(error) or "the provider did not answer in time"
            log.warning("order failed", extra={"instance": claim.item.id, "failure": failure})
            await self._save(
                claim, None, due_at=self._clock.now() + _AGAIN_AFTER_ERROR, failure=failure
            )

    async def _carry_out(self, claim: Claim[Instance]) -> None:
        instance = claim.item
        faults.point("plane.ordered")
        match instance.state:
            case State.PENDING:
                await self._provider.create(await self._boot(instance))
                await self._save(claim, Event.CREATED if instance.starts else Event.SEEN_STOPPED)
            case State.STARTING:
                await self._start(claim)
            case State.REBOOTING:
                await self._reboot(claim)
            case State.STOPPING:
                await self._stop(claim)
            case State.RELEASING:
                await self._provider.release(instance.id)
                await self._save(claim, Event.SEEN_GONE)
            case State.RUNNING | State.STOPPED:  # its agent has news of it
                await self._observe(instance)
                await self._save(claim, None, due_at=None)
            case State.RELEASED:
                await self._save(claim, None, due_at=None)
            case _:
                assert_never(instance.state)

    async def _start(self, claim: Claim[Instance]) -> None:
        instance = claim.item
        observed = await self._provider.observe(instance.id)
        match observed.power:
            case Power.RUNNING:
                await self._up(claim, observed)
            case Power.STOPPED if self._overdue(instance, _START_BOUND):
                await self._save(claim, Event.START_FAILED)
            case Power.STOPPED:
                await self._provider.create(await self._boot(instance))
                await self._provider.start(instance.id)
                await self._again(claim)
            case Power.GONE:
                await self._save(claim, Event.SEEN_GONE)
            case _:
                assert_never(observed.power)

    async def _reboot(self, claim: Claim[Instance]) -> None:
        instance = claim.item
        observed = await self._provider.observe(instance.id)
        ours = self._ours(instance)
        match observed.power:
            case Power.RUNNING if observed.boot_id != instance.from_boot_id:
                await self._up(claim, observed)
            case Power.RUNNING:
                word = await self._word(instance) if ours else Granted()
                if not isinstance(word, Granted):
                    await self._later(claim, word)
                    return
                if ours:
                    await self._provider.create(await self._boot(instance))
                    await self._provider.reboot(
                        instance.id, force=instance.forced, from_boot_id=instance.from_boot_id
                    )
                await self._again(claim)
            case Power.STOPPED if self._overdue(instance, _START_BOUND):
                await self._save(claim, Event.START_FAILED)
            case Power.STOPPED:
                if ours:
                    await self._provider.start(instance.id)
                await self._again(claim)
            case Power.GONE:
                await self._save(claim, Event.SEEN_GONE)
            case _:
                assert_never(observed.power)

    async def _word(self, instance: Instance) -> Word:
        """Of the governor, whether it may restart yet."""
        now = self._clock.now()
        asker = Asker(id=instance.id, boot_id=instance.from_boot_id, why="RebootInstances")

        async def work(tx: Transaction) -> Word:
            groups = await turns.groups_of(tx, instance.id)
            return await turns.ask(tx, asker, groups, random=self._control.random, now=now)

        return await self._database.write(work)

    async def _later(self, claim: Claim[Instance], word: Wait | Refused) -> None:
        """Look again when it may be its turn; it is as if it were asked for then."""
        now = self._clock.now()
        again = word.again if isinstance(word, Wait) else _LOOPING_ASKS_AFTER
        await self._save(claim, None, due_at=now + again, ordered_at=now, failure=word.why)

    async def _stop(self, claim: Claim[Instance]) -> None:
        instance = claim.item
        observed = await self._provider.observe(instance.id)
        match observed.power:
            case Power.RUNNING:
                if self._ours(instance):
                    force = instance.forced or self._overdue(instance, _STOP_BOUND)
                    await self._provider.stop(instance.id, force=force)
                await self._again(claim)
            case Power.STOPPED:
                await self._save(claim, Event.SEEN_STOPPED)
            case Power.GONE:
                await self._save(claim, Event.SEEN_GONE)
            case _:
                assert_never(observed.power)

    async def _up(self, claim: Claim[Instance], observed: Observed) -> None:
        """The machine runs in the boot that was wanted; it counts once its agent does, too, or when
        this boot has lasted for a while: one that falls over again and again has not started."""
        instance, now = claim.item, self._clock.now()

        async def work(tx: Transaction) -> bool:
            agent = await tx.agents.get(instance.id)
            return (
                online(agent, now=now) and agent is not None and agent.boot_id == observed.boot_id
            )

        known = instance.boot_id == observed.boot_id and instance.started_at is not None
        since = max(instance.started_at or now, instance.ordered_at or now) if known else now
        if await self._database.read(work) or now > since + _AGENT_BOUND:
            await self._save(claim, Event.SEEN_RUNNING, boot_id=observed.boot_id, started_at=now)
        elif known:
            await self._again(claim)
        else:
            boot = {"boot_id": observed.boot_id, "started_at": now}
            await self._save(claim, None, due_at=now + _AGAIN, **boot)

    def _ours(self, instance: Instance) -> bool:
        """Whether it is for us to act; until then the machine does so by itself."""
        return instance.ordered_at is None or self._clock.now() >= instance.ordered_at

    def _overdue(self, instance: Instance, bound: timedelta) -> bool:
        return instance.ordered_at is not None and self._clock.now() > instance.ordered_at + bound

    async def _again(self, claim: Claim[Instance]) -> None:
        await self._save(claim, None, due_at=self._clock.now() + _AGAIN)

    async def _save(self, claim: Claim[Instance], event: Event | None, **changes: Any) -> None:
        """Move, or only note, what is claimed, and give it back; nothing if the claim was lost."""
        now = self._clock.now()

        async def work(tx: Transaction) -> None:
            instance = await tx.instances.held(claim)
            if instance is None:
                return
            await tx.instances.give_back(claim)
            if instance.version != claim.item.version and not _still(instance, event):
                return  # somebody asked for something else meanwhile; that order is due by itself
            if event is None:
                if instance.version == claim.item.version:
                    await tx.instances.note(instance, **changes)
                return
            moved = await tx.instances.move(instance, event, at=now, source="lifecycles", **changes)
            await _consequences(tx, moved, event, now)

        faults.point("plane.carried-out")
        await self._database.write(work)
        if event is not None:
            self._control.pokes.wake(Loop.LIFECYCLES)
            self._control.pokes.wake(Loop.EXECUTIONS)

    async def _boot(self, instance: Instance) -> Boot:
        activation_id = instance.activation_id
        assert activation_id is not None

        async def work(tx: Transaction) -> str:
            return await tx.activations.code(activation_id)

        return Boot(
            instance_id=instance.id,
            hostname=instance.hostname,
            region_id=instance.region_id,
            server_url=self._server_url,
            ca=self._ca,
            activation_id=activation_id,
            activation_code=await self._database.read(work),
            user_data=instance.user_data,
        )


def _still(instance: Instance, event: Event | None) -> bool:
    """Whether an observation is worth recording although the order has changed since."""
    return event is Event.SEEN_GONE and INSTANCE.hears(instance.state, event)


async def _drifted(
    tx: Transaction,
    instance: Instance,
    observed: Observed,
    now: datetime,
    settings: ControlSettings,
) -> None:
    match observed.power:
        case Power.RUNNING if instance.state is State.STOPPED:
            running = await tx.instances.move(
                instance,
                Event.SEEN_RUNNING,
                at=now,
                source="lifecycles",
                boot_id=observed.boot_id,
                started_at=now,
            )
            await _ordered_meanwhile(tx, running, now, settings)
        case Power.RUNNING if instance.boot_id != observed.boot_id:
            await tx.instances.restarted(instance, at=now, boot_id=observed.boot_id, started_at=now)
        case Power.RUNNING:
            return
        case Power.STOPPED if instance.state is State.RUNNING:
            await tx.instances.move(instance, Event.SEEN_STOPPED, at=now, source="lifecycles")
            await _consequences(tx, instance, Event.SEEN_STOPPED, now)
        case Power.STOPPED:
            # It was not seen to run, but its agent may have spoken before it went down again.
            await _went_down(tx, instance, now)
        case Power.GONE:
            await tx.instances.move(instance, Event.SEEN_GONE, at=now, source="lifecycles")
            await _consequences(tx, instance, Event.SEEN_GONE, now)
        case _:
            assert_never(observed.power)


async def _ordered_meanwhile(
    tx: Transaction, instance: Instance, now: datetime, settings: ControlSettings
) -> None:
    """Expect what exit codes asked for in this boot while it was taken for stopped."""
    for action in await tx.power_actions.open(instance.id):
        if action.state is power.State.ORDERED and action.boot_id_before == instance.boot_id:
            await order(tx, instance, action, now, settings)
            return


async def _consequences(tx: Transaction, instance: Instance, event: Event, now: datetime) -> None:
    """What a change of the machine means for the commands and power actions on it."""
    if event is Event.SEEN_RUNNING:
        await booted(tx, instance.id, instance.boot_id, now)
    elif event is Event.SEEN_STOPPED:
        await hasten(tx, instance.id, now)
        await _went_down(tx, instance, now)
    elif event is Event.SEEN_GONE:
        await end_with_instance(
            tx, instance.id, "InstanceReleased", "the instance was released", now
        )


async def _went_down(tx: Transaction, instance: Instance, now: datetime) -> None:
    for action in await tx.power_actions.open(instance.id):
        if action.kind is power.Kind.STOP:
            await tx.power_actions.move(
                action, power.Event.STOPPED, at=now, source="lifecycles", done_at=now
            )
        elif action.state is power.State.ORDERED:
            await tx.power_actions.move(action, power.Event.WENT_DOWN, at=now, source="lifecycles")
