"""Connections of terminal sessions: asked for, fetched once, ended by one of many."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from cloudhand.control.speaker import Speaker
from cloudhand.core.errors import SessionNotFound, TooMany
from cloudhand.core.ids import SessionId
from cloudhand.core.instance import Beat
from cloudhand.wire.session import Report
from tests.models.examples import played
from tests.models.life import LOOK, Life
from tests.sessions import agent_of, connection, join, start

_FETCHED, _OPENED = timedelta(seconds=60), timedelta(minutes=10)
_BACK = timedelta(seconds=60)
_ONLINE = timedelta(seconds=120)
_AT_ONCE = 20  # to one machine


@dataclass
class Open:
    id: SessionId
    token: str
    asked: datetime
    until: datetime
    state: str = "Connecting"
    fetched: datetime | None = None

    @property
    def open(self) -> bool:
        return self.state == "Connecting"


class ConnectionLife(Life):
    async def begin(self) -> None:
        self.id = await join(self.world)
        self.beat_at = self.now
        self.pid = 7
        self.silent = False
        self.sessions: list[Open] = []

    def restarted(self) -> None:
        for one in self.sessions:
            one.until = max(one.until, self.now + _BACK)

    @rule()
    def is_asked_for(self) -> None:
        try:
            started = self.run(start(self.world, self.id))
        except TooMany:
            assert sum(one.open for one in self.sessions) >= _AT_ONCE
            return
        one = Open(started.id, started.token, self.now, self.now + _FETCHED)
        if self.now > self.beat_at + _ONLINE:
            one.state = "Failed"
        self.sessions.append(one)

    @precondition(lambda self: self.sessions)
    @rule(data=st.data())
    def is_fetched(self, data: st.DataObject) -> None:
        """Once, while it can be opened: an agent that is given it again calls it a failure."""
        one = data.draw(st.sampled_from(self.sessions[-2:]))
        agent = self.look(agent_of(self.world, self.id))
        offer = self.run(self.world.control.sessions.hand_out(agent, one.id))
        self._judge(one)
        in_time = self.now < one.asked + _OPENED
        assert (offer is not None) is (one.open and not one.fetched and in_time)
        if offer is not None:
            one.fetched, one.until = self.now, one.asked + _OPENED

    @precondition(lambda self: self.sessions)
    @rule(data=st.data(), good=st.booleans())
    def is_told_of(self, data: st.DataObject, good: bool) -> None:
        one = data.draw(st.sampled_from(self.sessions[-2:]))
        agent = self.look(agent_of(self.world, self.id))
        self._judge(one)
        said = Report(channel_id=one.id, succeeded=good, error_code="" if good else "Timeout")
        self.run(self.world.control.sessions.report(agent, said))
        if one.open:
            one.state = "Disconnected" if good else "Failed"

    @precondition(lambda self: self.sessions)
    @rule(data=st.data())
    def is_ended(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(self.sessions[-2:]))
        self._judge(one)
        self.run(self.world.control.sessions.end(one.id))
        if one.open:
            one.state = "Terminated"

    @precondition(lambda self: self.sessions)
    @rule(data=st.data(), right=st.booleans())
    def its_url_is_opened(self, data: st.DataObject, right: bool) -> None:
        """Nobody carries terminals yet, so it is only let in or not."""
        one = data.draw(st.sampled_from(self.sessions[-2:]))
        self._judge(one)
        try:
            self.look(self.world.control.sessions.check(one.id, one.token if right else "other"))
        except SessionNotFound:
            assert not right or not one.open or self.now >= one.asked + _OPENED
            return
        assert right and one.open

    @rule(silent=st.booleans())
    def agent_speaks_or_is_silent(self, silent: bool) -> None:
        self.silent = silent
        if not silent:
            self.run(self._beat(cold=False))

    async def _pass(self, seconds: float) -> None:
        while seconds > 0:
            if not self.silent:
                await self._beat(cold=False)
            await super()._pass(min(seconds, 50))
            seconds -= 50

    @rule()
    def agent_is_started_anew(self) -> None:
        """A published one, which knows nothing then of what it fetched before."""
        self.pid += 1
        self.run(self._beat(cold=True))
        for one in self.sessions:
            self._judge(one)
            # What was fetched just now may have been so by the new one.
            if one.open and one.fetched and one.fetched < self.now:
                one.state = "Failed"

    async def _beat(self, *, cold: bool) -> None:
        self.beat_at = self.now
        said = Beat(
            boot_id=None,
            pid=self.pid,
            uptime=None,
            process_uptime=timedelta(0),
            cold_start=cold,
        )
        speaker = Speaker(agent=await agent_of(self.world, self.id), boot_id=None)
        await self.world.control.agents.beat(speaker, said, version="")

    def _judge(self, one: Open) -> None:
        said = self.look(connection(self.world, one.id)).state.value
        if one.open and self.now >= one.until and (said == "Failed" or self.now > one.until + LOOK):
            one.state = "Failed"

    @invariant()
    def it_is_told_of(self) -> None:
        for one in self.sessions:
            self._judge(one)
            found = self.look(connection(self.world, one.id))
            assert found.state.value == one.state, one
            assert found.fetched_at == one.fetched
            assert (found.ended_at is None) is one.open is not bool(found.closed_reason)


TestConnections = ConnectionLife.TestCase
TestConnections.settings = played(times=3, steps=20)
