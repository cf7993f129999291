"""An instance: what is ordered stands until it is seen, and what is seen was there."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from cloudhand.control.provider import Power
from cloudhand.core.errors import IncorrectState, InstanceNotFound
from cloudhand.core.orders import NewInstances
from tests.machines import Machine
from tests.models.examples import played
from tests.models.life import Life

# Who may be asked for what; ARCHITECTURE.md and the states of the real service.
_MAY = {
    "start": {"Stopped"},
    "stop": {"Starting", "Running", "Rebooting"},
    "reboot": {"Running"},
    "release": {"Pending", "Stopped"},
    "release by force": {"Pending", "Starting", "Running", "Rebooting", "Stopping", "Stopped"},
}
_ORDERED = {
    "start": "Starting",
    "stop": "Stopping",
    "reboot": "Rebooting",
    "release": "Releasing",
    "release by force": "Releasing",
}
_ORDERS = {"Pending", "Starting", "Rebooting", "Stopping", "Releasing"}
_SOON = timedelta(seconds=20)  # a look at all machines, and calls of a provider
_WITHOUT_AGENT = timedelta(seconds=120)  # then who runs is Running without its agent
_TO_START = timedelta(minutes=3)


class InstanceLife(Life):
    async def begin(self) -> None:
        self.id = await self.world.instance()
        self.state = "Running"
        self.undisturbed()
        self.ordered_at = self.now
        self.boot_before = ""
        self.was_on = self.was_off = False

    @property
    def machine(self) -> Machine | None:
        return self.world.machines.machines.get(self.id)

    @property
    def failing(self) -> set[str]:
        return self.world.machines.failing

    def undisturbed(self) -> None:
        self.calm_since = self.now

    def restarted(self) -> None:
        self.undisturbed()

    @rule(what=st.sampled_from(sorted(_MAY)))
    def is_ordered(self, what: str) -> None:
        instances = self.world.control.instances
        one = [self.id]
        before = self._known_boot()
        try:
            match what:
                case "start":
                    self.run(instances.start(one, together=True))
                case "stop":
                    self.run(instances.stop(one, force=False, together=True))
                case "reboot":
                    self.run(instances.reboot(one, force=False, together=True))
                case _:
                    self.look(instances.release(one, force="force" in what))
                    self._lose_agent()
        except InstanceNotFound:
            assert self.state == "Released"
            return
        except IncorrectState:
            assert self.state not in _MAY[what], (self.state, what)
            return
        assert self.state in _MAY[what], (self.state, what)
        self.state, self.ordered_at, self.boot_before = _ORDERED[what], self.now, before
        self.undisturbed()

    def _known_boot(self) -> str:
        found = self.rows("SELECT boot_id FROM instances WHERE id = ?", self.id)
        return str(found[0][0])

    def _lose_agent(self) -> None:
        """Nobody knows it any more; what it would say while its machine lasts is refused."""
        if self.machine is not None:
            self.machine.has_agent = self.machine.connected = False
        self.run(self.world.settle())

    @precondition(lambda self: self.state == "Released")
    @rule()
    def another_is_made(self) -> None:
        if self.state == "Released":
            settings = self.world.settings
            new = NewInstances(amount=1, region_id=settings.region_id, zone_id=settings.zone_ids[0])
            (self.id,) = self.run(self.world.control.instances.create(new))
            self.state, self.ordered_at = "Pending", self.now
            self.undisturbed()

    @rule(calls=st.sets(st.sampled_from(["create", "start", "stop", "reboot", "release"])))
    def its_provider_fails(self, calls: set[str]) -> None:
        self.failing.clear()
        self.failing.update(calls)
        self.undisturbed()

    @precondition(lambda self: self.failing)
    @rule()
    def its_provider_is_well(self) -> None:
        self.failing.clear()
        self.undisturbed()

    @precondition(lambda self: self.machine is not None)
    @rule(how=st.sampled_from(["off", "on", "cycle"]))
    def does_by_itself(self, how: str) -> None:
        machine = self.machine
        if machine is None:
            return
        on = machine.power is Power.RUNNING
        if how != "on" and on:
            self.world.machines.power_off(self.id)
            self.was_off = True
        if (how == "cycle" and on) or (how == "on" and not on):
            self.world.machines.power_on(self.id)
            self.was_on = True
            self.run(self.world.settle())
        self.undisturbed()

    @precondition(lambda self: self.machine is not None and self.machine.has_agent)
    @rule(connected=st.booleans())
    def its_agent_can_be_heard(self, connected: bool) -> None:
        machine = self.machine
        if machine is None:
            return
        machine.connected = connected
        if connected and machine.power is Power.RUNNING:
            self.world.machines.start_agent(machine)
            self.run(self.world.settle())
        self.undisturbed()

    def _after(self, state: str) -> set[str]:
        """Where what is seen may lead by itself."""
        machine = self.machine
        on = machine is not None and machine.power is Power.RUNNING
        off = machine is not None and machine.power is Power.STOPPED
        late = self.now >= self.ordered_at + _TO_START
        match state:
            case "Pending":
                return _if(machine is not None, "Starting")
            case "Starting":
                return _if(on or self.was_on, "Running") | _if(late, "Stopped")
            case "Rebooting":
                # Only another boot than the one that was known is evidence of a restart: one that
                # nobody had seen when it was ordered counts, too.
                again = machine is not None and machine.boot_id != self.boot_before
                return _if(again, "Running") | _if(late, "Stopped")
            case "Stopping" | "Running":
                return _if(off or self.was_off, "Stopped")
            case "Stopped":
                return _if(on or self.was_on, "Running")
            case "Releasing":
                return _if(machine is None, "Released")
        return set()

    @invariant()
    def it_is_as_it_was_seen(self) -> None:
        found = self.look(self.world.status(self.id)) or "Released"
        reachable, new = {self.state}, {self.state}
        while new:
            new = {after for one in new for after in self._after(one)} - reachable
            reachable |= new
        assert found in reachable, (self.state, found)
        self.state = found
        on = self.machine is not None and self.machine.power is Power.RUNNING
        self.was_on, self.was_off = self.was_on and on, self.was_off and not on

    @invariant()
    def nothing_stands_still(self) -> None:
        machine, calm = self.machine, self.now - self.calm_since
        if self.failing:
            if self.state == "Starting" and machine is not None:
                assert calm <= _TO_START + _WITHOUT_AGENT + _SOON
            return
        if machine is None:
            assert calm <= _SOON or self.state == "Released"
            return
        on = machine.power is Power.RUNNING
        bound = _SOON if machine.connected or not on else _SOON + _WITHOUT_AGENT
        if calm > bound:
            assert self.state == ("Running" if on else "Stopped")
            assert self.state not in _ORDERS


def _if(holds: bool, state: str) -> set[str]:
    return {state} if holds else set()


TestInstances = InstanceLife.TestCase
TestInstances.settings = played(times=3, steps=20)
