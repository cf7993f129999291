"""A simulated machine: it boots, runs scripts, goes down when asked, and loses its power."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Protocol

from cloudhand.control.provider import Boot
from cloudhand.core.ids import BootId, InstanceId
from cloudhand.wire import agent as wire
from tests.faults.virtual.ground import Ground, Plan
from tests.faults.virtual.journal import Disk
from tests.faults.virtual.link import Link

# Seconds from when it was asked to when it is down, and from there to when it boots: how often, and
# between which. Some restart faster than anybody looks, and some take their time.
_GOES_DOWN = ((0.75, 0.25, 3.0), (0.15, 0.0, 0.0), (0.1, 30.0, 240.0))
_COMES_BACK = ((0.75, 1.0, 8.0), (0.15, 0.0, 0.0), (0.1, 60.0, 400.0))
_FALLS_OVER = 0.1  # of those that boot after a restart, soon and once
_LASTS_THEN = (0.25, 5.0)  # seconds
_AGENT_AGAIN = 1.0  # seconds after which its service manager starts an agent that died
_CODES = {"exit 0": 0, "exit 3": 3, "exit 193": 193, "exit 194": 194}


class Process(Protocol):
    """Its agent."""

    def kill(self) -> None: ...

    def kicked(self, task_id: str) -> None: ...


class Script:
    """One that runs, with its holder; it outlives the agent."""

    def __init__(self, plan: Plan, task: wire.Task) -> None:
        self.plan = plan
        self.task = task
        self.over = asyncio.Event()
        self.body: asyncio.Task[None] | None = None
        self.said = 0  # bytes


class Machine:
    def __init__(
        self,
        ground: Ground,
        boot: Boot,
        chance: random.Random,
        start_agent: Callable[[Machine], Process],
    ) -> None:
        self._start_agent = start_agent
        self.instance_id = InstanceId(boot.instance_id)
        self.boot = boot
        self.ground = ground
        self.chance = chance
        self.disk = Disk(chance)
        self.link = Link(ground, boot.instance_id, chance)
        self.on, self.going_down = False, False
        self.going_down = False
        self.registered = False
        self.boots: list[BootId] = []
        self.asked: list[str] = []
        self.power_cuts = 0
        self.unsteady = False  # whether it may yet fall over
        self.off_for = 0.0  # seconds, in all
        self._off_since = ground.tick
        self.scripts: dict[str, Script] = {}
        self.agent: Process | None = None

    @property
    def boot_id(self) -> BootId:
        return self.boots[-1]

    def power_on(self) -> None:
        if self.on:
            return
        self.on, self.going_down = True, False
        self.off_for += self.ground.tick - self._off_since
        self.boots.append(BootId(f"boot-{self.instance_id}-{len(self.boots) + 1}"))
        self.ground.boots += 1
        self.agent = self._start_agent(self)

    def power_off(self) -> None:
        """At once, and all that runs with it."""
        self.on, self.going_down = False, False
        self._off_since = self.ground.tick
        self.kill_agent(again=False)
        for script in self.scripts.values():
            self.end_script(script)
        self.scripts.clear()

    def cut_power(self) -> None:
        """It comes back by itself."""
        if not self.on:
            return
        self.power_cuts += 1
        self.power_off()
        self.disk.cut()
        self.ground.spawn(self._back())

    def ask(self, what: str) -> None:
        """To stop or to restart; who is going down already does not hear it."""
        if not self.on or self.going_down:
            return
        self.asked.append(what)
        self.going_down = True
        self.ground.spawn(self._down(what))

    async def _down(self, what: str) -> None:
        boot_id = self.boot_id
        await self.ground.rest(self._drawn(_GOES_DOWN))
        if self.boot_id != boot_id or not self.on:
            return
        self.power_off()
        if what == "restart":
            await self._back()

    async def _back(self) -> None:
        boots = len(self.boots)
        await self.ground.rest(self._drawn(_COMES_BACK))
        if len(self.boots) > boots:
            return  # somebody has started it meanwhile
        self.power_on()
        self.unsteady = True
        if self.chance.random() < _FALLS_OVER:
            boot_id = self.boot_id
            await self.ground.rest(self.chance.uniform(*_LASTS_THEN))
            if self.boot_id == boot_id:
                self.cut_power()
                return
        self.unsteady = False

    def _drawn(self, spans: tuple[tuple[float, float, float], ...]) -> float:
        ((_, least, most),) = self.chance.choices(spans, [often for often, _, _ in spans])
        return self.chance.uniform(least, most)

    def kill_agent(self, *, again: bool = True) -> None:
        agent, self.agent = self.agent, None
        if agent is not None:
            agent.kill()
        if again:
            self.ground.spawn(self._agent_again(self.boot_id))

    async def _agent_again(self, boot_id: BootId) -> None:
        await self.ground.rest(_AGENT_AGAIN)
        if self.on and self.boot_id == boot_id and self.agent is None:
            self.agent = self._start_agent(self)

    def kill_holders(self) -> None:
        for script in self.scripts.values():
            script.plan.holder_killed = True
            self.end_script(script)
        self.scripts.clear()

    def begin(self, task: wire.Task) -> Script:
        """A holder is given a script."""
        plan = self.ground.plan_for(self.instance_id, task)
        script = Script(plan, task)
        self.scripts[task.task_id] = script
        script.body = self.ground.spawn(self._run(script))
        return script

    def end_script(self, script: Script) -> None:
        if script.body is not None:
            script.body.cancel()
        script.over.set()

    async def _run(self, script: Script) -> None:
        plan = script.plan
        plan.lines.append(f"begin {self.boot_id}")
        script.said = len(plan.output)
        await self.ground.rest(plan.takes)
        if plan.end == "reboot":
            self.ask("restart")
        if plan.end not in _CODES:
            await self.ground.for_ever()
        code = _CODES[plan.end]
        plan.lines.append(f"end {self.boot_id} {code}")
        self.disk.ends[script.task.task_id] = code
        self.scripts.pop(script.task.task_id, None)
        script.over.set()
