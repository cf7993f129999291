"""The upgrade of an agent: asked, handed out, told of; perhaps never, late, or twice."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from cloudhand.wire.release import REFUSED, ROLLED_BACK, UPGRADED, Outcome
from tests.models.examples import played
from tests.models.life import LOOK, Life
from tests.sessions import own_machine

# docs/how-to/upgrade-agents.md: fetched within a minute, told of within four.
_FETCHED, _TOLD = timedelta(seconds=60), timedelta(seconds=240)
_BACK = timedelta(seconds=60)
_ONLINE = timedelta(seconds=120)
_ENDS = {UPGRADED: "Upgraded", ROLLED_BACK: "RolledBack", REFUSED: "Refused"}


@dataclass
class Asked:
    id: str
    until: datetime
    state: str = "Asked"

    @property
    def open(self) -> bool:
        return self.state in ("Asked", "Trying")


class UpgradeLife(Life):
    async def begin(self) -> None:
        self.machine = await own_machine(self.world, "web-1")
        self.world.machines.upgrading = lambda machine, order: None
        self.last: Asked | None = None
        self.heard_at = self.now

    @rule()
    def is_asked_for(self) -> None:
        before = self.last
        (found,) = self.run(self.world.control.upgrades.ask([self.machine.instance_id]))
        if before is not None and before.open:
            assert found.id == before.id
            return
        self.last = Asked(found.id, self.now + _FETCHED)
        if self.now > self.heard_at + _ONLINE:
            self.last.state = "Refused"

    @precondition(lambda self: self.machine.connected and self.machine.orders)
    @rule(outcome=st.sampled_from([UPGRADED, ROLLED_BACK, REFUSED]), earlier=st.integers(0, 2))
    def tells(self, outcome: str, earlier: int) -> None:
        """Of the last one that it was handed, or of an earlier one, perhaps again."""
        orders = list(dict.fromkeys(order.id for order in self.machine.orders))
        told = orders[-1 - min(earlier, len(orders) - 1)]
        said = Outcome(told, outcome, "" if outcome == UPGRADED else "no luck")
        self.run(self._say(said))
        one = self.last
        if one is not None and one.id == told and one.state in ("Asked", "Trying", "TimedOut"):
            one.state = _ENDS[outcome]

    async def _say(self, said: Outcome) -> None:
        await self.world.control.upgrades.report(
            await self.world.machines.speaker(self.machine), said
        )

    @precondition(lambda self: self.machine.connected)
    @rule()
    def is_cut_off(self) -> None:
        self.machine.connected = False

    @precondition(lambda self: not self.machine.connected)
    @rule()
    def is_back(self) -> None:
        self.machine.connected = True
        self.world.machines.start_agent(self.machine)
        self.run(self.world.settle())
        self.heard_at = self.now

    @rule(minutes=st.sampled_from([2, 3, 5]))
    def is_silent_for_long(self, minutes: int) -> None:
        self.machine.connected = False
        self.run(self._pass(minutes * 60))

    def restarted(self) -> None:
        if self.last is not None:
            self.last.until = max(self.last.until, self.now + _BACK)

    @invariant()
    def it_is_told_of(self) -> None:
        one = self.last
        (view,) = self.look(self.world.control.upgrades.find([self.machine.instance_id]))
        if view.agent is not None and view.agent.last_seen_at is not None:
            assert view.agent.last_seen_at >= self.heard_at
            self.heard_at = view.agent.last_seen_at
        found = view.upgrade
        if one is None or found is None:
            assert one is None and found is None
            return
        assert found.id == one.id
        late = one.open and self.now >= one.until
        if late and (found.state.value == "TimedOut" or self.now > one.until + LOOK):
            one.state = "TimedOut"
        if one.state == "Asked" and self.machine.connected:
            one.state, one.until = "Trying", self.now + _TOLD
        assert found.state.value == one.state
        assert bool(found.reason) is (one.state not in ("Asked", "Trying", "Upgraded"))
        assert (found.ended_at is None) is one.open


TestUpgrades = UpgradeLife.TestCase
TestUpgrades.settings = played(times=3, steps=20)
