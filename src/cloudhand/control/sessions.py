"""Open terminal sessions, hand them to agents, end them, and tell what became of them.

What is typed and shown is not carried yet: nobody opens the two ends of a session.
"""

from __future__ import annotations

import base64
import hmac
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime

from cloudhand.control.activations import hashed
from cloudhand.control.assistant_settings import current
from cloudhand.control.endings import close_connection
from cloudhand.control.pokes import Kick, Loop, Pokes
from cloudhand.control.settings import ControlSettings
from cloudhand.control.targeting import present
from cloudhand.core import ids, session_verdict
from cloudhand.core.assistant_settings import SessionManagerConfig
from cloudhand.core.clock import Clock
from cloudhand.core.errors import SessionNotFound, SessionsDisabled, TooMany
from cloudhand.core.ids import InstanceId, RandomBytes, SessionId
from cloudhand.core.instance import Agent, online
from cloudhand.core.page import Page, Window
from cloudhand.core.session import (
    CONNECTION,
    Connection,
    Session,
    SessionFilter,
    SessionOrder,
    SessionView,
    Started,
    State,
)
from cloudhand.core.session_verdict import Verdict
from cloudhand.store.database import Database
from cloudhand.store.transaction import Transaction
from cloudhand.wire import session as wire

log = logging.getLogger(__name__)

_TOKEN_SIZE = 48  # random bytes


class Sessions:
    def __init__(
        self,
        database: Database,
        clock: Clock,
        random: RandomBytes,
        pokes: Pokes,
        settings: ControlSettings,
    ) -> None:
        self._database = database
        self._clock = clock
        self._random = random
        self._pokes = pokes
        self._settings = settings

    async def start(self, order: SessionOrder) -> Started:
        """Record that a session shall be opened to instances; all of them or none.

        Whether each can be reached is no matter of the call: its connection says so.
        InstanceNotFound, SessionsDisabled, TooMany.
        """
        now = self._clock.now()
        token = base64.urlsafe_b64encode(self._random(_TOKEN_SIZE)).decode()
        session = Session(
            id=ids.session_id(self._random),
            token_hash=hashed(token),
            created_at=now,
            terminal=order.terminal,
            opener=order.opener,
        )
        started = Started(id=session.id, token=token)

        async def work(tx: Transaction) -> tuple[Started, list[InstanceId]]:
            earlier = await tx.tokens.earlier(order.once, Started)
            if earlier is not None:
                return earlier, []
            await _check_enabled(tx, order.account_id)
            refusals = await _refusals(tx, order.instance_ids, now)
            await self._check_room(tx, order.instance_ids)
            await self._record(tx, session, refusals)
            await tx.tokens.remember(order.once, started, at=now)
            return started, [one for one, refused in refusals.items() if refused is None]

        told, kicked = await self._database.write(work)
        self._pokes.kick(kicked, Kick.OPEN, told.id)
        self._pokes.wake(Loop.DELIVERIES)
        return told

    async def _check_room(self, tx: Transaction, instance_ids: Sequence[InstanceId]) -> None:
        if await tx.sessions.open_count() >= self._settings.sessions_limit:
            raise TooMany("sessions", self._settings.sessions_limit)
        for instance_id in instance_ids:
            if len(await tx.sessions.open_to(instance_id)) >= self._settings.connections_limit:
                raise TooMany(f"sessions to {instance_id}", self._settings.connections_limit)

    async def _record(
        self,
        tx: Transaction,
        session: Session,
        refusals: Mapping[InstanceId, Verdict | None],
    ) -> None:
        now = session.created_at
        connections = [
            Connection(
                session_id=session.id,
                instance_id=instance_id,
                started_at=now,
                deadline_at=now + self._settings.delivery_window,
            )
            for instance_id in refusals
        ]
        await tx.sessions.add(session, connections)
        for connection in connections:
            refused = refusals[connection.instance_id]
            if refused is not None:
                await close_connection(tx, connection, refused, now)

    async def end(self, session_id: SessionId) -> None:
        """For good, whatever it does; one that has ended stays as it is. SessionNotFound."""
        now = self._clock.now()

        async def work(tx: Transaction) -> list[InstanceId]:
            if await tx.sessions.get(session_id) is None:
                raise SessionNotFound(session_id)
            left = [one for one in await tx.sessions.connections([session_id]) if not one.final]
            for connection in left:
                await close_connection(tx, connection, session_verdict.ENDED, now, source="caller")
            return [one.instance_id for one in left]

        self._pokes.kick(await self._database.write(work), Kick.CLOSE, session_id)

    async def find(self, wanted: SessionFilter, window: Window) -> Page[SessionView]:
        """Sessions, newest first; with only the connection to ``wanted.instance_id`` if given."""

        async def work(tx: Transaction) -> Page[SessionView]:
            page = await tx.sessions.find(wanted, window)
            found = await tx.sessions.connections([session.id for session in page.items])
            shown = [one for one in found if wanted.instance_id in (None, one.instance_id)]
            views = [
                SessionView(
                    session=session,
                    connections=[one for one in shown if one.session_id == session.id],
                )
                for session in page.items
            ]
            return Page(items=views, total=page.total, next=page.next)

        return await self._database.read(work)

    async def has(self, session_id: SessionId) -> bool:
        """Whether it is one of these."""

        async def work(tx: Transaction) -> bool:
            return await tx.sessions.get(session_id) is not None

        return await self._database.read(work)

    async def check(self, session_id: SessionId, token: str) -> None:
        """SessionNotFound unless who knows this token may open the session now."""
        now = self._clock.now()

        async def work(tx: Transaction) -> bool:
            session = await tx.sessions.get(session_id)
            if session is None or not hmac.compare_digest(session.token_hash, hashed(token)):
                return False
            connections = await tx.sessions.connections([session_id])
            in_time = now < session.expires_at
            return any(
                one.state is State.CONNECTED or in_time for one in connections if not one.final
            )

        if not await self._database.read(work):
            raise SessionNotFound(session_id)

    async def hand_out(self, agent: Agent, session_id: SessionId) -> wire.Offer | None:
        """What an agent is to open; once, since one that is given it again calls it a failure."""
        now = self._clock.now()

        async def work(tx: Transaction) -> wire.Offer | None:
            connection = await tx.sessions.connection(session_id, agent.instance_id)
            if connection is None or connection.final or connection.fetched_at is not None:
                return None
            session = await tx.sessions.get(session_id)
            assert session is not None
            if now >= session.expires_at:  # nobody can open it any more
                return None
            await tx.sessions.fetched(connection, at=now, deadline_at=session.expires_at)
            return _offer(session)

        return await self._database.write(work)

    async def report(self, agent: Agent, report: wire.Report) -> None:
        """Make what an agent says durable. Late and repeated reports are normal."""
        now = self._clock.now()

        async def work(tx: Transaction) -> None:
            session_id = SessionId(report.channel_id)
            connection = await tx.sessions.connection(session_id, agent.instance_id)
            if connection is None:
                log.info("report for nothing known", extra={"session": session_id})
                return
            said = session_verdict.of_report(report)
            if CONNECTION.hears(connection.state, said.event):
                await close_connection(tx, connection, said, now, source="agent")

        await self._database.write(work)


async def _check_enabled(tx: Transaction, account_id: str) -> None:
    kind = SessionManagerConfig
    found = await current(tx, account_id, kind.__name__, kind)
    if not found.session_manager_enabled:
        raise SessionsDisabled


async def _refusals(
    tx: Transaction, instance_ids: Sequence[InstanceId], now: datetime
) -> dict[InstanceId, Verdict | None]:
    """Why each instance is not asked for a session, if it is not; InstanceNotFound."""
    own = await present(tx, instance_ids)
    agents = await tx.agents.get_many(instance_ids)
    refusals = {}
    for instance_id in instance_ids:
        instance, agent = own.get(instance_id), agents.get(instance_id)
        boot_id = instance.boot_id if instance is not None else None
        refusals[instance_id] = session_verdict.refusal(
            instance=instance.state if instance is not None else None,
            agent=agent,
            online=online(agent, now=now, boot_id=boot_id),
        )
    return refusals


def _offer(session: Session) -> wire.Offer:
    terminal = session.terminal
    return wire.Offer(
        channel_id=session.id,
        command_line=terminal.command_line,
        username=terminal.username,
        password_name=terminal.password_name,
        target_server=terminal.target_server,
        port_number="" if terminal.port_number is None else str(terminal.port_number),
    )
