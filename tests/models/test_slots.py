"""Slots of a governor: other tools that ask for them, and machines that restart by their leave.

The rules are those of docs/decisions/0100-a-governor-of-restarts.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from cloudhand.control.provider import Power
from cloudhand.core.errors import IncorrectState, RestartLimit
from cloudhand.core.governor import Budget, Granted, Refused, Slot, Wait
from tests.machines import finish
from tests.models.examples import played
from tests.models.life import LOOK, Life
from tests.world import ALL

_LEASE = timedelta(minutes=5)
_WITHIN, _RESTARTS = timedelta(hours=1), 3
_PATIENCE = timedelta(seconds=30)  # who has not asked for so long holds up nobody
_BACK = timedelta(seconds=60)  # to come back in, after a start of the control plane
_TOOLS = ("a", "b", "c")


@dataclass
class Place:
    holder: str
    asked: datetime
    seen: datetime
    until: datetime
    state: str = "Waiting"

    @property
    def open(self) -> bool:
        return self.state in ("Waiting", "Held")


class ToolsLife(Life):
    """A queue, a budget and a memory of who restarted when."""

    async def begin(self) -> None:
        self.budget = 1
        await self._set()
        self.token = await self.world.control.governor.reset_token("all")
        self.places: list[Place] = []
        self.granted: list[tuple[str, datetime]] = []

    async def _set(self) -> None:
        await self.world.control.governor.set_group(
            "all",
            budget=Budget(number=self.budget),
            counts_offline=False,
            lease=_LEASE,
            restarts=_RESTARTS,
            within=_WITHIN,
        )

    @rule(number=st.integers(1, 2))
    def the_budget_is_set(self, number: int) -> None:
        """What is held stays so."""
        self.budget = number
        self.run(self._set())

    @rule(tool=st.sampled_from(_TOOLS))
    def asks(self, tool: str) -> None:
        for one in self.places:
            if one.open and one.until <= self.now:
                self._expire(one)
        word = self.run(self.world.control.governor.lock("all", self.token, tool))
        own = next((one for one in self.places if one.open and one.holder == tool), None)
        if own is not None and own.state == "Held":
            assert isinstance(word, Granted)
            own.until = self.now + _LEASE
            return
        lately = [at for who, at in self.granted if who == tool and at >= self.now - _WITHIN]
        if len(lately) >= _RESTARTS:
            assert isinstance(word, Refused)
            if own is not None:
                own.state = "Withdrawn"
            return
        if own is None:
            own = Place(tool, self.now, self.now, self.now)
            self.places.append(own)
        room = self.budget - self.held - len(self._before(own))
        own.seen, own.until = self.now, self.now + _LEASE
        if room > 0:
            assert isinstance(word, Granted)
            own.state = "Held"
            self.granted.append((tool, self.now))
            assert self.held <= self.budget
        else:
            assert isinstance(word, Wait)

    @rule(
        first=st.sampled_from(_TOOLS),
        second=st.sampled_from(_TOOLS),
        gone=st.sampled_from(_TOOLS),
        seconds=st.sampled_from([1, 20, 40]),
    )
    def ask_one_after_the_other(self, first: str, second: str, gone: str, seconds: int) -> None:
        self.asks(first)
        self.gives_back(gone)
        self.time_passes(seconds)
        self.places_are_as_they_should_be()
        self.asks(second)

    @property
    def held(self) -> int:
        return sum(one.state == "Held" for one in self.places)

    def _before(self, own: Place) -> list[Place]:
        return [
            one
            for one in self.places
            if one.state == "Waiting"
            and self.now - one.seen < _PATIENCE
            and (one.asked, one.holder) < (own.asked, own.holder)
        ]

    def _expire(self, one: Place) -> None:
        one.state = "Expired" if one.state == "Held" else "Withdrawn"

    @rule(tool=st.sampled_from(_TOOLS))
    def gives_back(self, tool: str) -> None:
        self.run(self.world.control.governor.unlock("all", self.token, tool))
        for one in self.places:
            if one.open and one.holder == tool:
                one.state = "Released" if one.state == "Held" else "Withdrawn"

    @rule(tool=st.sampled_from(_TOOLS))
    def is_released_by_a_person(self, tool: str) -> None:
        for slot in self._slots():
            if slot.holder == tool and slot.state.value in ("Waiting", "Held"):
                self.run(self.world.control.governor.release(slot.id, by="root"))
        for one in self.places:
            if one.open and one.holder == tool:
                one.state = "Released" if one.state == "Held" else "Withdrawn"

    def restarted(self) -> None:
        for one in self.places:
            one.until = max(one.until, self.now + _BACK)

    def _slots(self) -> list[Slot]:
        page = self.look(self.world.control.governor.slots("all", ALL, ended=True))
        return [view.slot for view in page.items]

    @invariant()
    def places_are_as_they_should_be(self) -> None:
        found = sorted(self._slots(), key=lambda one: (one.holder, one.asked_at, one.id))
        for slot in found:
            for one in self.places:
                if (one.holder, one.asked) == (slot.holder, slot.asked_at) and one.open:
                    late = self.now > one.until + LOOK
                    if late or (self.now >= one.until and slot.state.value != one.state):
                        self._expire(one)
        told = sorted((slot.holder, slot.state.value) for slot in found)
        assert told == sorted((one.holder, one.state) for one in self.places)


class MachinesLife(Life):
    """Machines that restart by exit codes and by RebootInstances, one at a time."""

    async def begin(self) -> None:
        self.ids = await self.world.instances(3)
        await self.world.control.governor.set_group(
            "all",
            budget=Budget(number=1),
            counts_offline=False,
            lease=_LEASE,
            restarts=_RESTARTS,
            within=_WITHIN,
        )
        self.returned: set[str] = set()
        self.asked = dict.fromkeys(self.ids, 0)
        self.own = dict.fromkeys(self.ids, 1)  # boots that nobody asked for

    @rule(who=st.integers(0, 2))
    def restarts_by_a_command(self, who: int) -> None:
        one = self.ids[who]
        machine = self.world.machine(one)
        if machine.power is not Power.RUNNING or not machine.connected:
            return
        try:
            self.run(self.world.run(one, timeout=200))
        except IncorrectState:
            return
        for task in list(machine.running.values()):
            if machine.running:
                self.asked[one] += 1
                self.run(self.world.machines.end(machine, finish(task, 194, b"")))

    @rule(who=st.integers(0, 2))
    def is_restarted(self, who: int) -> None:
        one = self.ids[who]
        try:
            self.run(self.world.control.instances.reboot([one], force=False, together=True))
        except (IncorrectState, RestartLimit):
            return
        self.asked[one] += 1

    @rule(who=st.integers(0, 2))
    def loses_its_agent(self, who: int) -> None:
        self.world.machine(self.ids[who]).connected = False

    @rule(who=st.integers(0, 2))
    def has_it_again(self, who: int) -> None:
        machine = self.world.machine(self.ids[who])
        machine.connected = True
        if machine.power is Power.RUNNING:
            self.world.machines.start_agent(machine)
            self.run(self.world.settle())

    @rule(who=st.integers(0, 2))
    def restarts_by_itself(self, who: int) -> None:
        one = self.ids[who]
        if self.world.machine(one).power is Power.RUNNING:
            self.own[one] += 1
            self.world.machines.restart(one)
            self.run(self.world.settle())

    @invariant()
    def no_more_at_once_than_may(self) -> None:
        held = self.rows("SELECT count(*) FROM governor_slots WHERE state = 'Held'")
        assert held[0][0] <= 1

    @invariant()
    def who_is_back_has_its_agent(self) -> None:
        """A machine that runs, and whose agent nobody has heard since, goes on to hold its slot."""
        for slot, holder in self.rows(
            "SELECT id, holder FROM governor_slots WHERE state = 'Returned'"
        ):
            assert slot in self.returned or self.world.machine(holder).connected
            self.returned.add(slot)

    @invariant()
    def nobody_restarts_without_leave(self) -> None:
        for one in self.ids:
            ((leaves,),) = self.rows(
                "SELECT count(*) FROM governor_slots WHERE holder = ? AND held_at IS NOT NULL", one
            )
            restarts = self.world.machine(one).boots - self.own[one]
            assert restarts <= min(leaves, self.asked[one])

    @invariant()
    def nobody_restarts_again_and_again(self) -> None:
        since = self.now - _WITHIN
        for one in self.ids:
            ((lately,),) = self.rows(
                "SELECT count(*) FROM governor_slots WHERE holder = ? AND held_at > ?",
                one,
                int(since.timestamp() * 1000),
            )
            assert lately <= _RESTARTS


TestTools = ToolsLife.TestCase
TestTools.settings = played(times=3, steps=20)
TestMachines = MachinesLife.TestCase
TestMachines.settings = played(times=2, steps=20)
