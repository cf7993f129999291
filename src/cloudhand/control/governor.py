"""The governor: who set how many machines of a group may restart at once, and who does.

What asks for a slot on behalf of our own machines is in turns.py; other tools ask here, by the
FleetLock protocol.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from cloudhand.control import turns
from cloudhand.control.activations import hashed
from cloudhand.control.pokes import Loop, Pokes
from cloudhand.core import governor, power
from cloudhand.core.clock import Clock
from cloudhand.core.errors import IncorrectState, ResourceNotFound, TooMany
from cloudhand.core.governor import Asker, Budget, Event, Group, Slot, State, Word
from cloudhand.core.ids import InstanceId, RandomBytes, SlotId
from cloudhand.core.instance import State as InstanceState
from cloudhand.core.page import Page, Window
from cloudhand.store.database import Database
from cloudhand.store.transaction import Transaction

_TOKEN_SIZE = 24  # random bytes


@dataclass(frozen=True, kw_only=True)
class SlotView:
    slot: Slot
    waits_for: str  # a clause without its subject; empty unless it waits


@dataclass(frozen=True, kw_only=True)
class GroupView:
    group: Group
    members: int
    held: int
    waiting: int


class Governor:
    def __init__(self, database: Database, clock: Clock, random: RandomBytes, pokes: Pokes) -> None:
        self._database = database
        self._clock = clock
        self._random = random
        self._pokes = pokes

    async def set_group(self, name: str, **change: Any) -> GroupView:
        """Make a group, or change what is said of it by name; what is held stays so. TooMany."""
        now = self._clock.now()

        async def work(tx: Transaction) -> GroupView:
            before = await tx.governor.group(name)
            if before is None and len(await tx.governor.groups()) >= governor.GROUPS_LIMIT:
                raise TooMany("groups of the governor", governor.GROUPS_LIMIT)
            usual = Group(name=name, budget=Budget(number=1), created_at=now)
            group = replace(before or usual, **change)
            await tx.governor.put_group(group)
            return await self._view(tx, group)

        return await self._database.write(work)

    async def delete_group(self, name: str) -> None:
        """ResourceNotFound. Who waits in it is let go on when it asks again."""

        async def work(tx: Transaction) -> None:
            await _group(tx, name)
            await tx.governor.drop_group(name)

        await self._database.write(work)

    async def groups(self) -> list[GroupView]:
        """In the order of their names."""

        async def work(tx: Transaction) -> list[GroupView]:
            return [await self._view(tx, group) for group in await tx.governor.groups()]

        return await self._database.read(work)

    async def _view(self, tx: Transaction, group: Group) -> GroupView:
        slots = await tx.governor.open_in(group.name)
        held = sum(slot.state is State.HELD for slot in slots)
        return GroupView(
            group=group,
            members=await tx.governor.members(group),
            held=held,
            waiting=len(slots) - held,
        )

    async def slots(self, group: str, window: Window, *, ended: bool) -> Page[SlotView]:
        """Of one group, or, if it is empty, of all; who asked last comes first.

        Why somebody waits is told as it is now. ResourceNotFound.
        """
        now = self._clock.now()

        async def work(tx: Transaction) -> Page[SlotView]:
            if group:
                await _group(tx, group)
            page = await tx.governor.find([group] if group else [], ended=ended, window=window)
            views = [
                SlotView(slot=one, waits_for=await turns.waits_for(tx, one, now))
                for one in page.items
            ]
            return Page(items=views, total=page.total, next=page.next)

        return await self._database.read(work)

    async def release(self, slot_id: SlotId, *, by: str) -> None:
        """Free a slot that is held; have who waits for one by an exit code not restart.

        ResourceNotFound; IncorrectState of an instance that waits by RebootInstances.
        """
        now = self._clock.now()

        async def work(tx: Transaction) -> None:
            slot = await tx.governor.get(slot_id)
            if slot is None or slot.state not in (State.WAITING, State.HELD):
                raise ResourceNotFound("slot", [slot_id])
            if slot.state is State.HELD:
                await tx.governor.move(slot, Event.RELEASED, at=now, source="caller")
            else:
                await _give_up(tx, slot, f"withdrawn by {by} with ReleaseGovernorSlot", now)

        await self._database.write(work)
        self._pokes.wake(Loop.LIFECYCLES)
        self._pokes.wake(Loop.EXECUTIONS)

    # What other tools ask

    async def reset_token(self, name: str) -> str:
        """What a tool has to know from now on to ask for slots of a group. ResourceNotFound."""
        token = self._random(_TOKEN_SIZE).hex()

        async def work(tx: Transaction) -> None:
            group = await _group(tx, name)
            await tx.governor.put_group(replace(group, token_hash=hashed(token).hex()))

        await self._database.write(work)
        return token

    async def close_token(self, name: str) -> None:
        """No tool may ask any more. ResourceNotFound."""

        async def work(tx: Transaction) -> None:
            await tx.governor.put_group(replace(await _group(tx, name), token_hash=""))

        await self._database.write(work)

    async def lock(self, name: str, token: str, holder: str) -> Word:
        """Ask for a slot; who holds one has it for another lease. ResourceNotFound for a group
        that there is not, and for one whose token is another."""
        now = self._clock.now()

        async def work(tx: Transaction) -> Word:
            group = await _opened(tx, name, token)
            agent = await tx.agents.get(InstanceId(holder))
            asker = Asker(id=holder, boot_id=agent.boot_id if agent else None, why="FleetLock")
            word = await turns.ask(tx, asker, [group], random=self._random, now=now)
            for slot in await tx.governor.open_of(holder):
                if slot.group == name and slot.state is State.HELD:
                    await tx.governor.note(replace(slot, deadline_at=now + group.lease))
            return word

        return await self._database.write(work)

    async def unlock(self, name: str, token: str, holder: str) -> None:
        """Free its slot, or stop waiting for one, if there is one. ResourceNotFound as above."""
        now = self._clock.now()

        async def work(tx: Transaction) -> None:
            await _opened(tx, name, token)
            for slot in await tx.governor.open_of(holder):
                if slot.group == name:
                    await tx.governor.move(slot, Event.RELEASED, at=now, source="FleetLock")

        await self._database.write(work)


async def _group(tx: Transaction, name: str) -> Group:
    group = await tx.governor.group(name)
    if group is None:
        raise ResourceNotFound("group of the governor", [name])
    return group


async def _opened(tx: Transaction, name: str, token: str) -> Group:
    """One error for both, so that nobody can find out what groups there are."""
    group = await tx.governor.group(name)
    given = hashed(token).hex()
    if not hmac.compare_digest(group.token_hash if group else "", given) or group is None:
        raise ResourceNotFound("group of the governor", [name])
    return group


async def _give_up(tx: Transaction, slot: Slot, why: str, now: datetime) -> None:
    """End all for which a machine waits, so that it does not restart. IncorrectState."""
    instance = await tx.instances.get(InstanceId(slot.holder))
    if instance is not None and instance.state is InstanceState.REBOOTING:
        # Who has ordered it takes Running for the end of the restart.
        raise IncorrectState(instance.id, "ordered to restart", "withdraw the restart of")
    for one in await tx.governor.open_of(slot.holder):
        if one.state is State.WAITING:
            await tx.governor.move(one, Event.RELEASED, at=now, source="caller")
    for action in await tx.power_actions.open(InstanceId(slot.holder)):
        if action.state is power.State.HELD:
            await tx.power_actions.move(
                action, power.Event.REFUSED, at=now, source="caller", reason=why
            )
