"""What the silence of agents means for commands, files, sessions, power actions and upgrades that
are due."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta

from cloudhand.control import turns, upgrades
from cloudhand.control.endings import close, close_connection, close_file
from cloudhand.control.pokes import Kick, Pokes
from cloudhand.core import file_verdict, ids, power, session_verdict, verdict
from cloudhand.core.clock import Clock
from cloudhand.core.file import FileTarget
from cloudhand.core.ids import InstanceId, InvokeId
from cloudhand.core.instance import Agent, online
from cloudhand.core.instance import State as InstanceState
from cloudhand.core.invocation import GRACE, State, Target
from cloudhand.core.session import Connection
from cloudhand.store.database import Database
from cloudhand.store.transaction import Transaction

# Sooner, an agent is most likely on its way already, and would only fetch twice.
_KICK_AGAIN_AFTER = timedelta(seconds=2)


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """What agents have not fetched for a while."""

    instance_ids: Sequence[InstanceId]  # for which there are commands, files or upgrades
    connections: Sequence[Connection]


class Deadlines:
    def __init__(self, database: Database, clock: Clock, pokes: Pokes) -> None:
        self._database = database
        self._clock = clock
        self._pokes = pokes

    async def resume(self) -> None:
        """Give everybody time to come back before anything is decided: while no control plane was
        there, nobody could fetch or report, and to take that for silence would be untrue."""
        until = self._clock.now() + GRACE

        async def work(tx: Transaction) -> None:
            await tx.targets.postpone(until)
            await tx.files.postpone(until)
            await tx.sessions.postpone(until)
            await tx.power_actions.postpone(until)
            await tx.governor.postpone(until)
            await tx.upgrades.postpone(until)

        await self._database.write(work)

    def clock_set(self, by: timedelta) -> AbstractAsyncContextManager[None]:
        """Somebody set the clock, which shows so much more from the end of the block on. Nothing
        is due for that, and nothing later. Verbs that began by the old time are refused."""
        now = self._clock.now() + by
        return self._database.turned(lambda tx: tx.moments.shift(by, now=now))

    async def expire(self) -> Waiting:
        """Decide about everything whose deadline has passed; what is still to be fetched."""
        now = self._clock.now()

        async def work(tx: Transaction) -> Waiting:
            due = await tx.targets.due(now)
            agents = await tx.agents.get_many(list({t.instance_id: None for t in due}))
            for target in due:
                instance = await tx.instances.get(target.instance_id)
                agent = agents.get(target.instance_id)
                if online(agent, now=now) and await _queued(tx, target):
                    await tx.targets.note(target, deadline_at=now + GRACE)
                    continue
                said = verdict.of_silence(
                    target,
                    instance=instance.state if instance is not None else None,
                    agent=agent,
                    online=online(agent, now=now),
                )
                await close(tx, target, said, now)
            for unsent in await tx.files.due(now):
                await _unsent(tx, unsent, now)
            for connection in await tx.sessions.due(now):
                await _unopened(tx, connection, now)
            for action in await tx.power_actions.due(now):
                await self._overdue(tx, action, now)
            await turns.expire(tx, now)
            await upgrades.expire(tx, now)
            since = now - _KICK_AGAIN_AFTER
            waiting = [
                *await tx.targets.waiting_instances(since=since),
                *await tx.files.waiting_instances(since=since),
                *await tx.upgrades.waiting_instances(since=since),
            ]
            return Waiting(
                instance_ids=list(dict.fromkeys(waiting)),
                connections=await tx.sessions.unfetched(since=since),
            )

        return await self._database.write(work)

    async def _overdue(self, tx: Transaction, action: power.PowerAction, now: datetime) -> None:
        agent = await tx.agents.get(action.instance_id)
        event = power.of_silence(
            action, managed=ids.managed(action.instance_id), online=online(agent, now=now)
        )
        done_at = now if event is power.Event.STOPPED else None
        await tx.power_actions.move(action, event, at=now, source="deadlines", done_at=done_at)

    async def next_deadline(self) -> datetime | None:
        async def work(tx: Transaction) -> datetime | None:
            deadlines = (
                await tx.targets.next_deadline(),
                await tx.files.next_deadline(),
                await tx.sessions.next_deadline(),
                await tx.governor.next_due(),
                await tx.upgrades.next_deadline(),
            )
            return min((one for one in deadlines if one is not None), default=None)

        return await self._database.read(work)

    async def kick_waiting(self, waiting: Waiting) -> None:
        """Tell agents again to look: a kick may have been lost."""
        self._pokes.kick(waiting.instance_ids, Kick.RUN, InvokeId(""))
        for one in waiting.connections:
            self._pokes.kick([one.instance_id], Kick.OPEN, one.session_id)


async def _unsent(tx: Transaction, target: FileTarget, now: datetime) -> None:
    state, agent = await _there(tx, target.instance_id)
    said = file_verdict.of_silence(
        target, instance=state, agent=agent, online=online(agent, now=now)
    )
    await close_file(tx, target, said, now)


async def _unopened(tx: Transaction, connection: Connection, now: datetime) -> None:
    state, agent = await _there(tx, connection.instance_id)
    said = session_verdict.of_silence(
        connection, instance=state, agent=agent, online=online(agent, now=now)
    )
    await close_connection(tx, connection, said, now)


async def _there(
    tx: Transaction, instance_id: InstanceId
) -> tuple[InstanceState | None, Agent | None]:
    """The state of an instance, which a managed one does not have, and its agent."""
    instance = await tx.instances.get(instance_id)
    return instance.state if instance is not None else None, await tx.agents.get(instance_id)


async def _queued(tx: Transaction, target: Target) -> bool:
    """Whether its agent may have it and runs others: a machine runs only so many at once."""
    if target.state is not State.PENDING or target.fetched_at is None:
        return False
    others = await tx.targets.unfinished(target.instance_id)
    return any(other.state is State.RUNNING for other in others)
