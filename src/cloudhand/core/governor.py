"""The governor: how many machines of a group may restart at once, and who may next. Pure.

A machine that is to restart asks for a slot of each group that it belongs to, and has all of them
or none. It holds them until it is back, or until their lease ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from cloudhand.core.ids import BootId, InstanceId, SlotId
from cloudhand.core.machine import Machine
from cloudhand.wire import times

# Who waits asks again after so long: who is next, and anybody else.
_NEXT_ASKS_AFTER, _OTHERS_ASK_AFTER = timedelta(seconds=1), timedelta(seconds=5)
# Who waits and has not asked for so long does not hold up those behind it.
_PATIENCE = timedelta(seconds=30)
# The bounds of a lease. Whoever was told to go on has begun well within the shortest.
LEASE_AT_LEAST, LEASE_AT_MOST = timedelta(minutes=5), timedelta(days=7)
USUAL_LEASE = timedelta(hours=1)
USUAL_RESTARTS = 5
USUAL_WITHIN = timedelta(hours=1)
GROUPS_LIMIT = 100
_NAMED = 3  # of those that are down, when somebody is told why they wait


class State(StrEnum):
    """Order of life: waiting, held, and one of the others."""

    WAITING = "Waiting"
    HELD = "Held"
    RETURNED = "Returned"  # seen in another boot, with its agent
    EXPIRED = "Expired"  # not seen so until the end of the lease
    RELEASED = "Released"  # taken from it, or given back, by somebody else's word
    GONE = "Gone"  # the machine is no more
    WITHDRAWN = "Withdrawn"  # it waits no longer


class Event(StrEnum):
    GRANTED = "granted"
    RETURNED = "returned"
    EXPIRED = "expired"
    RELEASED = "released"
    GONE = "gone"


SLOT = Machine[State, Event](
    State.WAITING,
    {
        State.WAITING: {
            Event.GRANTED: State.HELD,
            Event.RETURNED: State.WITHDRAWN,
            Event.EXPIRED: State.WITHDRAWN,
            Event.RELEASED: State.WITHDRAWN,
            Event.GONE: State.WITHDRAWN,
        },
        State.HELD: {
            Event.RETURNED: State.RETURNED,
            Event.EXPIRED: State.EXPIRED,
            Event.RELEASED: State.RELEASED,
            Event.GONE: State.GONE,
        },
        State.RETURNED: {},
        State.EXPIRED: {},
        State.RELEASED: {},
        State.GONE: {},
        State.WITHDRAWN: {},
    },
)


@dataclass(frozen=True, kw_only=True)
class Budget:
    number: int
    percent: bool = False  # of the machines of the group; never less than one of them

    def room(self, members: int) -> int:
        return max(1, members * self.number // 100) if self.percent else self.number

    def __str__(self) -> str:
        return f"{self.number}%" if self.percent else str(self.number)


@dataclass(frozen=True, kw_only=True)
class Group:
    name: str
    tags: Mapping[str, str] = field(default_factory=dict)  # of its machines; none: all machines
    budget: Budget
    lease: timedelta = USUAL_LEASE
    restarts: int = USUAL_RESTARTS  # of one machine within ``within``; then it is refused
    within: timedelta = USUAL_WITHIN
    counts_offline: bool = True  # whether machines that are down anyhow take from the budget
    token_hash: str = ""  # of what other tools must know to ask for slots; empty: they cannot
    created_at: datetime

    def governs(self, tags: Mapping[str, str]) -> bool:
        """A tag without a value matches whatever its value is."""
        return all(key in tags and value in ("", tags[key]) for key, value in self.tags.items())


@dataclass(frozen=True, kw_only=True)
class Slot:
    """A place in a group that somebody has, had, or waits for."""

    id: SlotId
    group: str
    holder: str  # the id of an instance, or whatever another tool calls a machine
    why: str  # what it is to restart for, a phrase
    state: State = State.WAITING
    version: int = 0
    asked_at: datetime
    seen_at: datetime  # when it asked last
    held_at: datetime | None = None
    deadline_at: datetime | None = None  # None once final
    boot_id: BootId | None = None  # that is to end
    ended_at: datetime | None = None

    def waits(self, now: datetime) -> bool:
        """Whether it still holds up those who asked later."""
        return self.state is State.WAITING and now - self.seen_at < _PATIENCE


def foreign(holder: str) -> bool:
    """Whether it is what another tool calls a machine."""
    return not holder.startswith(("i-", "mi-"))


@dataclass(frozen=True, kw_only=True)
class Asker:
    """A machine that is to restart."""

    id: str
    boot_id: BootId | None = None  # that it is to end; None: it is not known
    why: str  # what it is to restart for, a phrase


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A group, as somebody finds it who asks for a slot."""

    group: Group
    members: int
    holders: Sequence[str]  # of slots, without who asks
    offline: Sequence[InstanceId]  # machines whose agents are not online, without who asks
    ahead: Sequence[str]  # who asked earlier, and waits
    lately: Sequence[datetime]  # when who asks was let through within ``group.within``


@dataclass(frozen=True, kw_only=True)
class Granted:
    """It may restart now; if it has a slot, within ``lease``."""

    lease: timedelta | None = None  # None: nothing governs it


@dataclass(frozen=True, kw_only=True)
class Wait:
    """It has to ask again."""

    why: str  # a clause without its subject: "waits for ..."
    again: timedelta = _OTHERS_ASK_AFTER


@dataclass(frozen=True, kw_only=True)
class Refused:
    why: str


Word = Granted | Wait | Refused


def decide(standings: Sequence[Standing]) -> Word:
    """What to say to who asks, and has no slot of these groups yet."""
    for one in standings:
        refused = loop_guard(one.group, one.lately)
        if refused is not None:
            return refused
    whys = [why for why in map(_full, standings) if why]
    if whys:
        is_next = not any(one.ahead for one in standings)
        again = _NEXT_ASKS_AFTER if is_next else _OTHERS_ASK_AFTER
        return Wait(why=f"waits for its turn in {'; and in '.join(whys)}", again=again)
    return Granted(lease=min((one.group.lease for one in standings), default=None))


def loop_guard(group: Group, lately: Sequence[datetime]) -> Refused | None:
    """Whether a machine has restarted too often; ``lately``: when, within ``group.within``."""
    if len(lately) < group.restarts:
        return None
    again = sorted(lately)[-group.restarts] + group.within
    return Refused(
        why=f"the governor's group {group.name} lets a machine restart {group.restarts} times"
        f" within {times.span(group.within)}, which it has done; the next time may be at"
        f" {again:%Y-%m-%d %H:%M:%S} UTC"
    )


def _full(standing: Standing) -> str:
    """Why there is no room; empty if there is."""
    offline = standing.offline if standing.group.counts_offline else ()
    down = {one: "holds a slot" if foreign(one) else "restarts" for one in standing.holders}
    down |= {one: "is not online" for one in offline if one not in down}
    room = standing.group.budget.room(standing.members)
    if len(down) + len(standing.ahead) < room:
        return ""
    told = [f"{one} {what}" for one, what in down.items()]
    told += [f"{one} is before it" for one in standing.ahead]
    more = f" and {len(told) - _NAMED} more" if len(told) > _NAMED else ""
    return f"{standing.group.name} ({room} at a time): {', '.join(told[:_NAMED])}{more}"
