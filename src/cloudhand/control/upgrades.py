"""Upgrades of agents to the release that this control plane offers: ask, hand out, hear of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, assert_never

from cloudhand.control.assistant_settings import current
from cloudhand.control.pokes import Kick, Loop, Pokes
from cloudhand.control.settings import ControlSettings
from cloudhand.control.speaker import Speaker
from cloudhand.core import ids, upgrade
from cloudhand.core.assistant_settings import AgentUpgradeConfig
from cloudhand.core.automatic_upgrade import STARTED_WITHIN, Stance, room, stance
from cloudhand.core.clock import Clock
from cloudhand.core.errors import InstanceNotFound
from cloudhand.core.ids import InstanceId, InvokeId, RandomBytes
from cloudhand.core.instance import ONLINE_WITHIN, Agent, online
from cloudhand.core.upgrade import UPGRADE, Event, Release, State, Upgrade
from cloudhand.store.database import Database
from cloudhand.store.transaction import Transaction
from cloudhand.wire import release as wire

_SOME = 50  # agents that are looked at together
_EVENTS = {
    wire.UPGRADED: Event.UPGRADED,
    wire.ROLLED_BACK: Event.ROLLED_BACK,
    wire.REFUSED: Event.REFUSED,
}


class Releases(Protocol):
    async def offered(self) -> Release:
        """What agents are upgraded to."""


@dataclass(frozen=True, kw_only=True)
class UpgradeView:
    """What runs on an instance, and its last upgrade."""

    instance_id: InstanceId
    agent: Agent | None
    online: bool
    refusal: str  # why it cannot be upgraded now; empty if it can
    upgrade: Upgrade | None


class Upgrades:
    def __init__(
        self,
        database: Database,
        clock: Clock,
        random: RandomBytes,
        pokes: Pokes,
        settings: ControlSettings,
        releases: Releases,
    ) -> None:
        self._database = database
        self._clock = clock
        self._random = random
        self._pokes = pokes
        self._settings = settings
        self._releases = releases

    async def offered(self) -> Release:
        return await self._releases.offered()

    async def ask(self, instance_ids: Sequence[InstanceId]) -> list[Upgrade]:
        """Have agents upgrade themselves, as soon as they fetch; what cannot be has ended at once.
        What is under way goes on. InstanceNotFound, and then nothing is asked."""
        offered = await self._releases.offered()
        now = self._clock.now()

        async def work(tx: Transaction) -> list[Upgrade]:
            await _check(tx, instance_ids)
            return [await self._ask(tx, one, offered, now) for one in instance_ids]

        asked = await self._database.write(work)
        self._kick(asked)
        return asked

    async def begin_due(self) -> None:
        """Ask by itself for as many as AgentUpgradeConfig has begun now, if any."""
        config = await self._database.read(self._config)
        if config.disable_upgrade:
            return
        offered = await self._releases.offered()
        now = self._clock.now()

        async def work(tx: Transaction) -> list[Upgrade]:
            chosen = await self._chosen(tx, offered, now)
            return [await self._ask(tx, one, offered, now, automatic=True) for one in chosen]

        self._kick(await self._database.write(work))

    async def stance(self) -> Stance:
        """Whether it would ask by itself now."""
        offered = await self._releases.offered()
        now = self._clock.now()

        async def work(tx: Transaction) -> Stance:
            course = await tx.upgrades.course(offered.digest)
            return stance(await self._config(tx), course, now=now)

        return await self._database.read(work)

    async def _config(self, tx: Transaction) -> AgentUpgradeConfig:
        account_id, kind = self._settings.account_id, AgentUpgradeConfig
        return await current(tx, account_id, kind.__name__, kind)

    async def _chosen(self, tx: Transaction, offered: Release, now: datetime) -> list[InstanceId]:
        course = await tx.upgrades.course(offered.digest)
        now_is = stance(await self._config(tx), course, now=now)
        if now_is not in (Stance.OPEN, Stance.STARTING):
            return []
        found: list[InstanceId] = []
        after, wanted = "", room(course)
        while len(found) < wanted:
            some = await tx.upgrades.next_candidates(
                offered.digest,
                heard_since=now - ONLINE_WITHIN,
                started_since=now - STARTED_WITHIN if now_is is Stance.STARTING else None,
                after=after,
                limit=_SOME,
            )
            agents = await tx.agents.get_many(some)
            found += [one for one in some if not upgrade.refusal(agents.get(one), now=now)]
            if len(some) < _SOME:
                break
            after = some[-1]
        return found[:wanted]

    def _kick(self, asked: Sequence[Upgrade]) -> None:
        self._pokes.kick(
            [one.instance_id for one in asked if one.state is State.ASKED], Kick.RUN, InvokeId("")
        )
        self._pokes.wake(Loop.DELIVERIES)

    async def _ask(
        self,
        tx: Transaction,
        instance_id: InstanceId,
        offered: Release,
        now: datetime,
        *,
        automatic: bool = False,
    ) -> Upgrade:
        earlier = await tx.upgrades.of(instance_id)
        if earlier is not None and not earlier.final:
            return earlier
        agent = await tx.agents.get(instance_id)
        new = Upgrade(
            id=ids.upgrade_id(self._random),
            instance_id=instance_id,
            from_release=agent.release if agent else "",
            from_package=agent.package if agent else "",
            to_release=offered.version,
            to_package=offered.digest,
            automatic=automatic,
            asked_at=now,
            deadline_at=now + upgrade.FETCHED_WITHIN,
            failed_package=earlier.failed_package if earlier else "",
            failed_at=earlier.failed_at if earlier else None,
        )
        await tx.upgrades.put(new)
        why = upgrade.refusal(agent, now=now)
        if why:
            return await tx.upgrades.move(
                new, Event.REFUSED, at=now, source="control plane", reason=why
            )
        return new

    async def find(self, instance_ids: Sequence[InstanceId]) -> list[UpgradeView]:
        """Of the instances named, in that order. InstanceNotFound."""
        now = self._clock.now()

        async def work(tx: Transaction) -> list[UpgradeView]:
            await _check(tx, instance_ids)
            agents = await tx.agents.get_many(instance_ids)
            upgrades = await tx.upgrades.of_many(instance_ids)
            return [
                UpgradeView(
                    instance_id=one,
                    agent=agents.get(one),
                    online=online(agents.get(one), now=now),
                    refusal=upgrade.refusal(agents.get(one), now=now),
                    upgrade=upgrades.get(one),
                )
                for one in instance_ids
            ]

        return await self._database.read(work)

    async def hand_out(self, speaker: Speaker) -> wire.Order | None:
        """What this agent is to upgrade itself to, again until it tells of it."""
        if not speaker.agent.upgradable:
            return None
        under_way = await self._database.read(lambda tx: tx.upgrades.of(speaker.id))
        if under_way is None or under_way.final:
            return None
        offered = await self._releases.offered()
        now = self._clock.now()

        async def work(tx: Transaction) -> wire.Order | None:
            found = await tx.upgrades.of(speaker.id)
            if found is None or found.final:
                return None
            if found.state is State.ASKED:
                await tx.upgrades.move(
                    found,
                    Event.FETCHED,
                    at=now,
                    source="agent",
                    to_release=offered.version,
                    to_package=offered.digest,
                    deadline_at=now + upgrade.TOLD_WITHIN,
                )
            return wire.Order(found.id, offered.manifest, offered.signature)

        return await self._database.write(work)

    async def report(self, speaker: Speaker, outcome: wire.Outcome) -> None:
        """Make it durable. What is told again, or of another, changes nothing."""
        now = self._clock.now()
        event = _EVENTS[outcome.outcome]

        async def work(tx: Transaction) -> None:
            found = await tx.upgrades.of(speaker.id)
            if found is None or found.id != outcome.id:
                return
            if found.state is State.TIMED_OUT:
                await tx.upgrades.correct(found, event, at=now, reason=outcome.reason)
            elif UPGRADE.hears(found.state, event):
                await tx.upgrades.move(found, event, at=now, source="agent", reason=outcome.reason)

        await self._database.write(work)
        self._pokes.wake(Loop.UPGRADES)  # the turn is the next one's


async def expire(tx: Transaction, now: datetime) -> None:
    """End those of which nobody has told by their deadline."""
    for late in await tx.upgrades.due(now):
        reason = _silence(late.state)
        await tx.upgrades.move(late, Event.EXPIRED, at=now, source="deadlines", reason=reason)


def _silence(state: State) -> str:
    match state:
        case State.ASKED:
            return "its agent did not fetch it in time"
        case State.TRYING:
            return "its agent has not told what became of it"
        case State.UPGRADED | State.ROLLED_BACK | State.REFUSED | State.TIMED_OUT:
            raise ValueError(f"{state} has no deadline")
        case _:
            assert_never(state)


async def _check(tx: Transaction, instance_ids: Sequence[InstanceId]) -> None:
    """InstanceNotFound."""
    present = await tx.managed.present(instance_ids)
    present |= {one.id for one in await tx.instances.get_many(instance_ids)}
    missing = [one for one in instance_ids if one not in present]
    if missing:
        raise InstanceNotFound(missing)
