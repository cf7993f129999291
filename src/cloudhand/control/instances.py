"""Ask for instances, and for their power. Nothing here waits for a machine: loops perform."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from ipaddress import IPv4Address

from cloudhand.control import own_power, turns
from cloudhand.control.activations import hashed, new_code
from cloudhand.control.agents import Agents
from cloudhand.control.endings import end_with_instance
from cloudhand.control.pokes import Kick, Loop, Pokes
from cloudhand.control.settings import ControlSettings
from cloudhand.core import ids
from cloudhand.core.account import OWNER
from cloudhand.core.activation import Activation
from cloudhand.core.clock import Clock
from cloudhand.core.errors import (
    CloudhandError,
    DeletionProtected,
    IncorrectState,
    InstanceNotFound,
    RestartLimit,
    TooMany,
)
from cloudhand.core.ids import InstanceId, InvokeId, RandomBytes
from cloudhand.core.instance import INSTANCE, Agent, Event, Instance, State, online, shown
from cloudhand.core.orders import (
    Changed,
    InstanceChange,
    InstanceFilter,
    InstanceView,
    NewInstances,
    Once,
)
from cloudhand.core.page import Page, Window
from cloudhand.store.database import Database
from cloudhand.store.transaction import Transaction

_FIRST_ADDRESS = IPv4Address("172.16.0.10")  # addresses are labels: instances share the network
_SEQUENCE = re.compile(r"\[(\d{1,6}),(\d{0,6})\]")
_WANTED = {
    Event.START_ASKED: "start",
    Event.STOP_ASKED: "stop",
    Event.REBOOT_ASKED: "restart",
    Event.RELEASE_ASKED: "release",
    Event.RELEASE_FORCED: "release",
}


class Instances:
    def __init__(
        self,
        database: Database,
        clock: Clock,
        random: RandomBytes,
        pokes: Pokes,
        settings: ControlSettings,
        agents: Agents,
    ) -> None:
        self._database = database
        self._clock = clock
        self._random = random
        self._pokes = pokes
        self._settings = settings
        self._agents = agents

    async def create(self, order: NewInstances, *, dry_run: bool = False) -> list[InstanceId]:
        """Record instances that a loop then makes and starts."""

        async def work(tx: Transaction) -> list[InstanceId]:
            earlier = await tx.tokens.earlier(order.once, list[InstanceId])
            if earlier is not None:
                return earlier
            present = len(await tx.instances.all_present())
            if present + order.amount > self._settings.instances_limit:
                raise TooMany("instances", self._settings.instances_limit)
            if dry_run:
                return []
            made = [await self._add(tx, order, number) for number in range(order.amount)]
            await tx.tokens.remember(order.once, made, at=self._clock.now())
            return made

        made = await self._database.write(work)
        self._pokes.wake(Loop.LIFECYCLES)
        return made

    async def _add(self, tx: Transaction, order: NewInstances, number: int) -> InstanceId:
        now = self._clock.now()
        instance_id = ids.instance_id(self._random)
        code = new_code(self._random)
        activation = Activation(
            id=ids.activation_id(self._random),
            code_hash=hashed(code),
            created_at=now,
            instance_id=instance_id,
        )
        await tx.activations.add(activation)
        await tx.activations.keep_code(activation.id, code)
        many = order.amount > 1 and order.unique_suffix
        await tx.instances.add(
            Instance(
                id=instance_id,
                name=_sequenced(order.instance_name, number, many) or instance_id,
                hostname=_sequenced(order.hostname, number, many) or f"iZ{instance_id[2:]}Z",
                description=order.description,
                region_id=order.region_id,
                zone_id=order.zone_id,
                image_id=order.image_id,
                instance_type=order.instance_type,
                private_ip=str(_FIRST_ADDRESS + await tx.instances.count_ever()),
                created_at=now,
                due_at=now,
                ordered_at=now,
                activation_id=activation.id,
                user_data=order.user_data,
                tags=order.tags,
                resource_group_id=order.resource_group_id,
                deletion_protection=order.deletion_protection,
                starts=order.starts,
            )
        )
        return instance_id

    async def modify(
        self, instance_id: InstanceId, change: InstanceChange, *, once: Once | None = None
    ) -> None:
        """InstanceNotFound; IncorrectState. A machine hears of it at its next start or restart."""

        async def work(tx: Transaction) -> None:
            if await tx.tokens.earlier(once, bool):
                return
            (instance,) = await _existing(tx, [instance_id])
            _check_change(instance, change)
            changes = {name: new for name, new in vars(change).items() if new is not None}
            await tx.instances.change(replace(instance, **changes))
            await tx.tokens.remember(once, True, at=self._clock.now())

        await self._database.write(work)

    async def install_agent(
        self, instance_ids: Sequence[InstanceId], *, once: Once | None = None
    ) -> None:
        """InstanceNotFound. Those that there are have their agents: they were made with them."""

        async def work(tx: Transaction) -> None:
            if await tx.tokens.earlier(once, bool):
                return
            found = {instance.id for instance in await tx.instances.get_many(instance_ids)}
            missing = [instance_id for instance_id in instance_ids if instance_id not in found]
            if missing:
                raise InstanceNotFound(missing)
            await tx.tokens.remember(once, True, at=self._clock.now())

        await self._database.write(work)

    async def get(self, instance_id: InstanceId) -> InstanceView:
        """InstanceNotFound."""
        found = await self.find(InstanceFilter(ids=frozenset({instance_id})), Window(limit=1))
        if not found.items:
            raise InstanceNotFound([instance_id])
        return found.items[0]

    async def find(self, wanted: InstanceFilter, window: Window) -> Page[InstanceView]:
        now = self._clock.now()

        async def work(tx: Transaction) -> Page[InstanceView]:
            page = await tx.instances.find(wanted, window)
            agents = await tx.agents.get_many([instance.id for instance in page.items])
            return Page(
                items=[
                    InstanceView(
                        instance=instance,
                        agent=agents.get(instance.id),
                        online=instance.state in (State.RUNNING, State.REBOOTING)
                        and online(agents.get(instance.id), now=now, boot_id=instance.boot_id),
                    )
                    for instance in page.items
                ],
                total=page.total,
                next=page.next,
            )

        return await self._database.read(work)

    async def start(
        self,
        instance_ids: Sequence[InstanceId],
        *,
        together: bool,
        once: Once | None = None,
        dry_run: bool = False,
    ) -> list[Changed]:
        """``together``: one that cannot be started fails the call and nothing is changed."""
        return await self._order(
            instance_ids, Event.START_ASKED, together=together, once=once, dry_run=dry_run
        )

    async def stop(
        self,
        instance_ids: Sequence[InstanceId],
        *,
        force: bool,
        together: bool,
        once: Once | None = None,
        dry_run: bool = False,
        by: str = OWNER,
    ) -> list[Changed]:
        """A machine of one's own is stopped by its agent, whatever ``force`` says."""
        return await self._order(
            instance_ids,
            Event.STOP_ASKED,
            force=force,
            together=together,
            once=once,
            dry_run=dry_run,
            by=by,
        )

    async def reboot(
        self,
        instance_ids: Sequence[InstanceId],
        *,
        force: bool,
        together: bool,
        once: Once | None = None,
        dry_run: bool = False,
        by: str = OWNER,
    ) -> list[Changed]:
        """A machine of one's own is restarted by its agent, whatever ``force`` says."""
        return await self._order(
            instance_ids,
            Event.REBOOT_ASKED,
            force=force,
            together=together,
            once=once,
            dry_run=dry_run,
            by=by,
        )

    async def release(
        self,
        instance_ids: Sequence[InstanceId],
        *,
        force: bool,
        once: Once | None = None,
        dry_run: bool = False,
    ) -> None:
        """End instances for good, all or none; running ones only with ``force``."""
        event = Event.RELEASE_FORCED if force else Event.RELEASE_ASKED
        now = self._clock.now()

        async def work(tx: Transaction) -> None:
            if await tx.tokens.earlier(once, list[InstanceId]) is not None:
                return
            instances = await _existing(tx, instance_ids)
            for instance in instances:
                if instance.deletion_protection:
                    raise DeletionProtected(instance.id)
                _check(instance, event)
            if dry_run:
                return
            for instance in instances:
                await tx.instances.move(instance, event, at=now, source="caller", forced=force)
                await end_with_instance(
                    tx, instance.id, "InstanceReleased", "the instance was released", now
                )
            await tx.tokens.remember(once, list(instance_ids), at=now)

        await self._database.write(work)
        for instance_id in instance_ids:
            self._agents.forget(instance_id)
        self._pokes.wake(Loop.LIFECYCLES)

    async def _order(
        self,
        instance_ids: Sequence[InstanceId],
        event: Event,
        *,
        force: bool = False,
        together: bool,
        once: Once | None,
        dry_run: bool,
        by: str = OWNER,
    ) -> list[Changed]:
        now = self._clock.now()
        asked: dict[InvokeId, list[InstanceId]] = {}

        async def work(tx: Transaction) -> list[Changed]:
            earlier = await tx.tokens.earlier(once, list[Changed])
            if earlier is not None:
                return earlier
            found = {i.id: i for i in await tx.instances.get_many(instance_ids)}
            own = await tx.managed.present([one for one in instance_ids if ids.managed(one)])
            agents = await tx.agents.get_many(list(own))
            changes = [
                _tried_own(agents.get(one), one, event, now)
                if one in own
                else _tried(found.get(one), one, event)
                for one in dict.fromkeys(instance_ids)
            ]
            if event is Event.REBOOT_ASKED:
                changes = [await _guarded(tx, change, now) for change in changes]
            if together:
                _raise_first(changes)
            if dry_run:
                return changes
            # What was refused is asked again with the call, and was not changed.
            given = [change for change in changes if change.error is None]
            for change in given:
                if change.instance_id in found:
                    await _give(tx, found[change.instance_id], event, force, now)
            asked.update(
                await own_power.ask(
                    tx,
                    {c.instance_id: agents[c.instance_id] for c in given if c.instance_id in own},
                    event,
                    by=by,
                    random=self._random,
                    now=now,
                    window=self._settings.delivery_window,
                )
            )
            await tx.tokens.remember(once, given, at=now)
            return changes

        changes = await self._database.write(work)
        for invoke_id, those in asked.items():
            self._pokes.kick(those, Kick.RUN, invoke_id)
            self._pokes.wake(Loop.DELIVERIES)
        self._pokes.wake(Loop.LIFECYCLES)
        return changes


async def _existing(tx: Transaction, instance_ids: Sequence[InstanceId]) -> list[Instance]:
    found = await tx.instances.get_many(instance_ids)
    missing = sorted(set(instance_ids) - {instance.id for instance in found})
    if missing:
        raise InstanceNotFound([InstanceId(instance_id) for instance_id in missing])
    return found


def _check(instance: Instance, event: Event) -> None:
    # The published rules let stop and restart begin only from Running.
    orderable = event not in (Event.STOP_ASKED, Event.REBOOT_ASKED)
    allowed = instance.state is State.RUNNING or orderable
    if not allowed or not INSTANCE.hears(instance.state, event):
        raise IncorrectState(instance.id, shown(instance.state), _WANTED[event])


def _check_change(instance: Instance, change: InstanceChange) -> None:
    """The published rules: what a machine is told when it boots is not changed meanwhile."""
    booting = shown(instance.state) in (State.PENDING, State.STARTING)
    if change.hostname is not None and booting:
        raise IncorrectState(instance.id, shown(instance.state), "change the host name of")
    if change.user_data is not None and instance.state is not State.STOPPED:
        raise IncorrectState(instance.id, shown(instance.state), "change the user data of")


def _tried(instance: Instance | None, instance_id: InstanceId, event: Event) -> Changed:
    if instance is None:
        return Changed(instance_id=instance_id, error=InstanceNotFound([instance_id]))
    try:
        _check(instance, event)
    except IncorrectState as error:
        return Changed(instance_id=instance_id, before=instance.state, error=error)
    after = INSTANCE.move(instance.state, event)
    return Changed(instance_id=instance_id, before=instance.state, after=after)


def _tried_own(
    agent: Agent | None, instance_id: InstanceId, event: Event, now: datetime
) -> Changed:
    error = own_power.refusal(agent, instance_id, event, now)
    if error is not None:
        return Changed(instance_id=instance_id, error=error)
    # It runs until its agent says otherwise: it may refuse by rules of its own.
    return Changed(instance_id=instance_id, before=State.RUNNING, after=State.RUNNING)


async def _guarded(tx: Transaction, change: Changed, now: datetime) -> Changed:
    """The same, unless the governor refuses it: whoever asks hears that now."""
    if change.error is not None:
        return change
    refused = await turns.loop_guard(tx, change.instance_id, now=now)
    if refused is None:
        return change
    return Changed(
        instance_id=change.instance_id, error=RestartLimit(change.instance_id, refused.why)
    )


def _raise_first(changes: Sequence[Changed]) -> None:
    missing = [c.instance_id for c in changes if isinstance(c.error, InstanceNotFound)]
    if missing:
        raise InstanceNotFound(missing)
    errors: list[CloudhandError] = [c.error for c in changes if c.error is not None]
    if errors:
        raise errors[0]


async def _give(
    tx: Transaction, instance: Instance, event: Event, force: bool, now: datetime
) -> None:
    await tx.instances.move(
        instance,
        event,
        at=now,
        source="caller",
        forced=force,
        from_boot_id=instance.boot_id if event is Event.REBOOT_ASKED else None,
    )


def _sequenced(name: str, number: int, many: bool) -> str:
    """``name[begin,bits]`` counts up from begin in so many digits; else a suffix of three."""
    match = _SEQUENCE.search(name)
    if match:
        count = f"{int(match.group(1)) + number:0{int(match.group(2) or 0)}d}"
        return name[: match.start()] + count + name[match.end() :]
    return f"{name}{number + 1:03d}" if name and many else name
