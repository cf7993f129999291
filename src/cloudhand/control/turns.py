"""Whose turn it is to restart, where a governor says so. Each function is part of a transaction.

Who is to restart asks, and asks again until it is told to go on. Nobody is told by itself that its
turn has come: what has gone silent meanwhile would hold up the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from cloudhand.core import governor, ids
from cloudhand.core.governor import (
    Asker,
    Event,
    Granted,
    Group,
    Refused,
    Slot,
    Standing,
    State,
    Wait,
    Word,
)
from cloudhand.core.ids import BootId, InstanceId, RandomBytes
from cloudhand.core.instance import online
from cloudhand.store.transaction import Transaction

_NEXT = "is next, as soon as it asks again, within seconds"


async def groups_of(tx: Transaction, instance_id: InstanceId) -> list[Group]:
    """Those that a machine belongs to."""
    groups = await tx.governor.groups()
    if not groups:
        return []
    tags = await _tags(tx, instance_id)
    return [group for group in groups if group.governs(tags)]


async def ask(
    tx: Transaction,
    asker: Asker,
    groups: Sequence[Group],
    *,
    random: RandomBytes,
    now: datetime,
    unstoppable: bool = False,
) -> Word:
    """Have a place in each of these groups, or a place in the queue.

    ``unstoppable``: it restarts whatever is said, so its place is taken from those behind it.
    """
    if not groups:
        return Granted()
    await expire(tx, now)
    own = {slot.group: slot for slot in await tx.governor.open_of(asker.id)}
    missing = [one for one in groups if not _held(own.get(one.name))]
    word = governor.decide([await _standing(tx, one, asker, own, now) for one in missing])
    if unstoppable:
        word = Granted()
    match word:
        case Granted():
            for group in missing:
                own[group.name] = await _take(tx, group, asker, own, random, now)
            ends = (own[group.name].deadline_at for group in groups)
            return Granted(lease=min(end for end in ends if end is not None) - now)
        case Wait():
            for group in missing:
                await _wait(tx, group, asker, own, random, now)
        case Refused():
            there = [own[one.name] for one in groups if one.name in own]
            await _leave(tx, there, Event.RELEASED, now, source="governor")
    return word


async def waits_for(tx: Transaction, slot: Slot, now: datetime) -> str:
    """A clause without its subject; empty unless it waits."""
    group = await tx.governor.group(slot.group) if slot.state is State.WAITING else None
    if group is None:
        return ""
    own = {one.group: one for one in await tx.governor.open_of(slot.holder)}
    asker = Asker(id=slot.holder, boot_id=slot.boot_id, why=slot.why)
    word = governor.decide([await _standing(tx, group, asker, own, now)])
    return _NEXT if isinstance(word, Granted) else word.why


async def ahead(
    tx: Transaction, group: Group, instance_id: InstanceId, now: datetime
) -> Sequence[str]:
    """Those that hold the places of a group, as far as somebody else is concerned: who restarts,
    and who is offline where that counts."""
    others = [one for one in await tx.governor.open_in(group.name) if _held(one)]
    offline = await tx.governor.offline(group, now=now) if group.counts_offline else []
    holders = dict.fromkeys([*(one.holder for one in others), *offline])
    return [one for one in holders if one != instance_id]


async def loop_guard(tx: Transaction, instance_id: InstanceId, *, now: datetime) -> Refused | None:
    """Whether a machine has restarted too often to do so again now."""
    for group in await groups_of(tx, instance_id):
        refused = governor.loop_guard(group, await _lately(tx, group, instance_id, now))
        if refused is not None:
            return refused
    return None


async def _lately(tx: Transaction, group: Group, holder: str, now: datetime) -> list[datetime]:
    return await tx.governor.granted(group.name, holder, since=now - group.within)


async def returned(
    tx: Transaction, instance_id: InstanceId, boot_id: BootId | None, now: datetime
) -> None:
    """A machine runs anew, in this boot; None: it is not known, but a new one. It is back once its
    agent is."""
    if not online(await tx.agents.get(instance_id), now=now, boot_id=boot_id):
        return
    own = await tx.governor.open_of(instance_id)
    ended = [one for one in own if boot_id is None or one.boot_id not in (None, boot_id)]
    await _leave(tx, ended, Event.RETURNED, now, source="agent")


async def gone(tx: Transaction, instance_id: InstanceId, now: datetime) -> None:
    """A machine is no more."""
    own = await tx.governor.open_of(instance_id)
    await _leave(tx, own, Event.GONE, now, source="control plane")


async def leave(tx: Transaction, instance_id: InstanceId, now: datetime) -> None:
    """A machine does not restart after all."""
    await _leave(tx, await tx.governor.open_of(instance_id), Event.RELEASED, now, source="agent")


async def expire(tx: Transaction, now: datetime) -> None:
    """End what nobody has ended in time."""
    await _leave(tx, await tx.governor.due(now), Event.EXPIRED, now, source="governor")


async def _leave(
    tx: Transaction, slots: Sequence[Slot], event: Event, now: datetime, *, source: str
) -> None:
    for slot in slots:
        await tx.governor.move(slot, event, at=now, source=source)


def _held(slot: Slot | None) -> bool:
    return slot is not None and slot.state is State.HELD


async def _standing(
    tx: Transaction, group: Group, asker: Asker, own: Mapping[str, Slot], now: datetime
) -> Standing:
    others = [one for one in await tx.governor.open_in(group.name) if one.holder != asker.id]
    holders = [one.holder for one in others if one.state is State.HELD]
    place = _since(own, now), asker.id
    offline = await tx.governor.offline(group, now=now) if group.counts_offline else []
    down = {*holders, *offline}
    return Standing(
        group=group,
        members=await tx.governor.members(group) if group.budget.percent else 0,
        holders=holders,
        offline=[one for one in offline if one != asker.id],
        ahead=[
            one.holder
            for one in others
            if one.waits(now) and one.holder not in down and (one.asked_at, one.holder) < place
        ],
        lately=await _lately(tx, group, asker.id, now),
    )


def _since(own: Mapping[str, Slot], now: datetime) -> datetime:
    """When somebody asked first, of all groups: with a place of its own in each queue, two would
    wait for each other for ever."""
    return min((one.asked_at for one in own.values()), default=now)


async def _take(
    tx: Transaction,
    group: Group,
    asker: Asker,
    own: Mapping[str, Slot],
    random: RandomBytes,
    now: datetime,
) -> Slot:
    slot = own.get(group.name) or await _queue(tx, group, asker, own, random, now)
    return await tx.governor.move(
        slot,
        Event.GRANTED,
        at=now,
        source="governor",
        seen_at=now,
        held_at=now,
        boot_id=asker.boot_id,
        deadline_at=now + group.lease,
    )


async def _wait(
    tx: Transaction,
    group: Group,
    asker: Asker,
    own: Mapping[str, Slot],
    random: RandomBytes,
    now: datetime,
) -> None:
    slot = own.get(group.name)
    if slot is None:
        await _queue(tx, group, asker, own, random, now)
        return
    await tx.governor.note(replace(slot, seen_at=now, deadline_at=now + group.lease))


async def _queue(
    tx: Transaction,
    group: Group,
    asker: Asker,
    own: Mapping[str, Slot],
    random: RandomBytes,
    now: datetime,
) -> Slot:
    slot = Slot(
        id=ids.slot_id(random),
        group=group.name,
        holder=asker.id,
        why=asker.why,
        asked_at=_since(own, now),
        seen_at=now,
        deadline_at=now + group.lease,
        boot_id=asker.boot_id,
    )
    await tx.governor.add(slot)
    return slot


async def _tags(tx: Transaction, instance_id: InstanceId) -> Mapping[str, str]:
    machine = await tx.instances.get(instance_id) or await tx.managed.get(instance_id)
    return machine.tags if machine is not None else {}
