"""One round: each machine of a site has a script run, and a fault strikes it at one step."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from cloudhand.core.ids import InstanceId
from tests.faults.checker import ENDS, End, Run
from tests.faults.virtual.fleet import acting_for
from tests.faults.virtual.ground import Plan
from tests.faults.virtual.link import NotDone, Unavailable, Way
from tests.faults.virtual.machine import Machine
from tests.faults.virtual.site import FULL, READ_ONLY, Site

AGENT_POINTS = (
    "agent.before-journal",
    "agent.after-journal",
    "agent.spawn",
    "agent.spawned",
    "agent.exit",
    "agent.spool",
    "agent.report",
    "agent.ack",
    "agent.before-power",
    "agent.power",
    "agent.after-power",
)
# At which it is known whose step it is; and those of nobody in particular.
PLANE_POINTS = (
    "plane.asked",
    "plane.recorded",
    "plane.handed-out",
    "plane.heard",
    "plane.stored",
    "plane.beat",
)
COMMON_POINTS = ("plane.ordered", "plane.carried-out", "store.commit")
POINTS = (*AGENT_POINTS, *PLANE_POINTS, *COMMON_POINTS)
OF_ONE = (
    "SIGKILL agent",
    "SIGKILL agent and holder",
    "power cut",
    "connection cut",
    "half-open connection",
    "5xx",
    "slow 1 byte/s",
    "duplicate",
    "reorder",
    "SIGKILL control plane",
)
OF_ALL = ("disk full", "read-only disk", "clock +1 day", "clock -1 day")  # of the control plane

_WAYS = {
    "connection cut": Way.CUT,
    "half-open connection": Way.DARK,
    "5xx": Way.REFUSED,
    "slow 1 byte/s": Way.SLOW,
}
_LASTS = (3.0, 40.0)  # seconds from a fault to when it is healed
_LOOKS_EVERY = 5.0  # seconds, at whether it is over
_WITHIN = 1200.0  # seconds in which all is over
_IDLE_AFTER = 60.0  # seconds after which a fault whose step never came is forgotten
ROUND = 40  # runs, and machines of a site
_TIMEOUT = 20  # seconds, of a script that is to overrun it
# Until then how a script ended is on no disk for certain.
_BEFORE_DISK = (
    *AGENT_POINTS[:7],
    "plane.handed-out",
    "plane.heard",
    "plane.stored",
    "plane.beat",
    "plane.recorded",
    *COMMON_POINTS,
)


@dataclass(frozen=True)
class Cell:
    point: str
    fault: str
    end: End


@dataclass
class Sitting:
    """A machine, what is to be run on it, and what is to befall it."""

    cell: Cell
    machine: Machine
    plan: Plan
    hit: bool = False
    open: bool = False
    struck_at: float | None = None
    healed: bool = False
    away: float = 0.0
    skip: int = 0  # how many times the step is passed before the fault strikes
    invoke_id: str = ""
    answered: bool = False
    told: dict[str, Any] | None = None
    before: tuple[int, int, int] = (0, 0, 0)  # boots, asked, power cuts
    off_before: float = 0.0  # seconds that the machine had been off
    machine_on: bool = True

    def run(self) -> Run:
        machine = self.machine
        boots, asked, cuts = self.before
        return Run(
            name=f"{self.plan.name} on {machine.instance_id}: {self.cell}",
            end=self.cell.end,
            faults=(f"{self.cell.fault} at {self.cell.point}",) if self.hit else (),
            answered=self.answered,
            lines=tuple(self.plan.lines),
            produced=self.plan.output,
            told=self.told,
            boots=tuple(machine.boots[boots - 1 :]),
            asked_of_machine=tuple(machine.asked[asked:]),
            power_cuts=machine.power_cuts - cuts,
            away=self.away + machine.off_for - self.off_before,
            unwritten=self.hit
            and self.cell.fault in ("power cut", "SIGKILL agent and holder")
            and self.cell.point in _BEFORE_DISK,
            killed_holder=self.plan.holder_killed,
            killed_between=self.hit
            and self.cell.point == "agent.spawn"
            and self.cell.fault.startswith("SIGKILL agent"),
            seen_power=True,
            machine_on=self.machine_on,
        )


class Round:
    def __init__(self, site: Site, cells: Sequence[Cell], chance: random.Random) -> None:
        """As many cells as the site has machines, at most."""
        self._site = site
        self._chance = chance
        self._number = site.rounds = site.rounds + 1
        machines = list(site.fleet.machines.values())
        self.sittings = [
            self._sitting(cell, machine) for cell, machine in zip(cells, machines, strict=False)
        ]
        self._by_machine = {one.machine.instance_id: one for one in self.sittings}

    def _sitting(self, cell: Cell, machine: Machine) -> Sitting:
        chance = self._chance
        name = f"r{self._number}-{machine.instance_id}"
        size = chance.choice((0, 12, 12, 30_000))
        plan = Plan(
            name=name,
            end=cell.end,
            takes=chance.choice((0.0, 0.5, 3.0, 20.0)),
            output=(name.encode() * (size // len(name) + 1))[:size],
        )
        self._site.fleet.plans[name] = plan
        skip = chance.randrange(8) if cell.point == "store.commit" else 0
        return Sitting(
            cell=cell,
            machine=machine,
            plan=plan,
            skip=skip,
            before=(len(machine.boots), len(machine.asked), machine.power_cuts),
            off_before=machine.off_for,
        )

    async def play(self) -> list[Sitting]:
        """What became of each, when all is healed and over."""
        site = self._site
        site.fleet.strike = self._strike
        site.on_step = self._step
        sat = [site.fleet.spawn(self._sit(one)) for one in self.sittings]
        until = site.clock.tick + 2 * _WITHIN
        while not all(one.done() for one in sat) and site.clock.tick < until:
            await site.advance_to(site.clock.tick + 2)
        site.on_step = lambda name: None
        for one in sat:
            one.cancel()
        for sitting in self.sittings:
            self._heal(sitting)
            await self._look(sitting)
        return self.sittings

    # Strike

    def _strike(self, instance_id: InstanceId, name: str, task_id: str) -> bool:
        sitting = self._by_machine.get(instance_id)
        if sitting is None or not self._due(sitting, name):
            return False
        self._befall(sitting)
        return True

    def _step(self, name: str) -> None:
        actor = acting_for.get()
        for sitting in self.sittings:
            mine = actor in (sitting.plan.name, sitting.machine.instance_id)
            if (mine or name in COMMON_POINTS) and self._due(sitting, name):
                if name == "store.commit" and sitting.cell.fault in OF_ONE[:-1]:
                    self._loop.call_soon_threadsafe(self._befall, sitting)
                else:
                    self._befall(sitting)
                return

    def _due(self, sitting: Sitting, name: str) -> bool:
        if sitting.hit or sitting.healed or not sitting.open or sitting.cell.point != name:
            return False  # what strikes once it was forgotten would not be healed
        if sitting.skip:
            sitting.skip -= 1
            return False
        return True

    def _befall(self, sitting: Sitting) -> None:
        sitting.hit, sitting.struck_at = True, self._site.clock.tick
        machine, fault = sitting.machine, sitting.cell.fault
        match fault:
            case "SIGKILL agent":
                machine.kill_agent()
            case "SIGKILL agent and holder":
                machine.kill_holders()
                machine.kill_agent()
            case "power cut":
                machine.cut_power()
            case "SIGKILL control plane":
                self._site.kill()
            case "duplicate":
                machine.link.doubles = True
            case "reorder":
                machine.link.delays = self._chance.randint(1, 3)
            case _ if fault in _WAYS:
                machine.link.way = _WAYS[fault]
                self._site.lost(machine)
            case _:
                self._befall_all(fault)

    def _befall_all(self, fault: str) -> None:
        """What befalls the control plane befalls all that is under way."""
        for one in self.sittings:
            if one.open and one.cell.fault == fault and not one.hit:
                one.hit, one.struck_at = True, self._site.clock.tick
        match fault:
            case "disk full":
                self._site.unwritable = FULL
            case "read-only disk":
                self._site.unwritable = READ_ONLY
            case "clock +1 day":
                self._set_clock(timedelta(days=1))
            case "clock -1 day":
                self._set_clock(timedelta(days=-1))
            case _:
                raise AssertionError(fault)

    def _set_clock(self, wrong_by: timedelta) -> None:
        self._site.clock.wrong_by = wrong_by

    def _heal(self, sitting: Sitting) -> None:
        if sitting.healed:
            return
        sitting.healed = True
        link, site = sitting.machine.link, self._site
        if sitting.struck_at is not None and link.way is not Way.OPEN:
            sitting.away += site.clock.tick - sitting.struck_at
        link.way, link.doubles, link.delays = Way.OPEN, False, 0
        if sitting.cell.fault in OF_ALL:
            site.unwritable = ""
            site.clock.wrong_by = timedelta()

    # Play

    async def _sit(self, sitting: Sitting) -> None:
        fleet = self._site.fleet
        await fleet.rest(self._chance.uniform(0, 5))
        sitting.open = True
        healing = fleet.spawn(self._heal_later(sitting))
        await self._ask(sitting)
        if sitting.cell.end == "stop":
            await self._stop(sitting)
        until = fleet.tick + _WITHIN
        while fleet.tick < until and not await self._over(sitting):
            await fleet.rest(_LOOKS_EVERY)
        sitting.open = False
        healing.cancel()
        sitting.machine_on = sitting.machine.on
        await self._start_again(sitting)

    async def _heal_later(self, sitting: Sitting) -> None:
        fleet = self._site.fleet
        forgotten = fleet.tick + _IDLE_AFTER + sitting.plan.takes
        while sitting.struck_at is None and fleet.tick < forgotten:
            await fleet.rest(1)
        await fleet.rest(self._chance.uniform(*_LASTS))
        self._heal(sitting)

    async def _insist(self, action: str, sitting: Sitting, **parameters: object) -> dict[str, Any]:
        """Ask until there is an answer, as a person would."""
        while True:
            try:
                return await self._site.call(action, by=sitting.plan.name, **parameters)
            except NotDone:
                raise
            except Unavailable:
                await self._site.fleet.rest(2)

    async def _ask(self, sitting: Sitting) -> None:
        plan = sitting.plan
        order = {
            "Name": plan.name,
            "Type": "RunShellScript",
            "CommandContent": plan.name,
            "ContentEncoding": "PlainText",
            "Timeout": _TIMEOUT if sitting.cell.end == "timeout" else 3600,
            "InstanceId": [sitting.machine.instance_id],
        }
        while not sitting.invoke_id:
            try:
                answer = await self._site.call("RunCommand", by=plan.name, **order)
                sitting.invoke_id, sitting.answered = answer["InvokeId"], True
            except Unavailable:
                # Whether it was heard shows when one looks.
                await self._site.fleet.rest(2)
                found = await self._insist("DescribeInvocations", sitting, MaxResults=50)
                for one in found["Invocations"]["Invocation"]:
                    if one["CommandName"] == plan.name:
                        sitting.invoke_id = one["InvokeId"]

    async def _stop(self, sitting: Sitting) -> None:
        fleet = self._site.fleet
        until = fleet.tick + self._chance.choice((0.0, 5.0, 30.0))
        while not sitting.plan.lines and fleet.tick < until:
            await fleet.rest(0.5)
        with suppress(NotDone):  # it has stopped already, and who asked was not told
            await self._insist("StopInvocation", sitting, InvokeId=sitting.invoke_id)

    async def _over(self, sitting: Sitting) -> bool:
        await self._look(sitting)
        machine, told = sitting.machine, sitting.told
        if told is None or not sitting.healed:
            return False
        ended = told["InvocationStatus"] not in ("Pending", "Scheduled", "Running", "Stopping")
        acted = told.get("PowerAction", {"Status": "Done"})["Status"] == "Done"
        return ended and acted and self._quiet(machine)

    def _quiet(self, machine: Machine) -> bool:
        """Whether it has nothing to do, nor to say."""
        if (
            machine.going_down
            or machine.unsteady
            or (not machine.on and machine.asked[-1:] != ["stop"])
        ):
            return False
        return not machine.on or not (machine.disk.entries or machine.scripts)

    async def _look(self, sitting: Sitting) -> None:
        if not sitting.invoke_id:
            return
        with suppress(Unavailable):
            answer = await self._site.call(
                "DescribeInvocationResults", by=sitting.plan.name, InvokeId=sitting.invoke_id
            )
            found = answer["Invocation"]["InvocationResults"]["InvocationResult"]
            sitting.told = found[0] if found else None

    async def _start_again(self, sitting: Sitting) -> None:
        """Whoever was stopped is started as a person does it."""
        fleet, machine = self._site.fleet, sitting.machine
        while not machine.on:
            with suppress(Unavailable):
                await self._site.call(
                    "StartInstance", by=sitting.plan.name, InstanceId=machine.instance_id
                )
            await fleet.rest(5)

    @property
    def _loop(self) -> asyncio.AbstractEventLoop:
        return self._site.loop


def cells(
    chance: random.Random, *, points: Collection[str] = (), faults: Collection[str] = ()
) -> Iterator[list[Cell]]:
    """All cells, or those of some points and faults, once, in rounds: those of single machines
    together, those that befall all in rounds of their own.
    """
    wanted = [point for point in POINTS if not points or point in points]
    of_one = [
        Cell(point, fault, end)
        for point in wanted
        for fault in OF_ONE
        for end in ENDS
        if not faults or fault in faults
    ]
    chance.shuffle(of_one)
    of_all = [
        [Cell(point, fault, end) for end in ENDS]
        for point in wanted
        for fault in OF_ALL
        if not faults or fault in faults
    ]
    chance.shuffle(of_all)
    size = ROUND
    singles = [of_one[at : at + size] for at in range(0, len(of_one), size)]
    together = [*singles, *of_all]
    chance.shuffle(together)
    yield from together
