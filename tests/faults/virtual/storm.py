"""Many commands on many machines at once, over bad links and under a control plane that is killed.

Of each it is counted how often it was handed out, and how often it began: once at most.
"""

from __future__ import annotations

import random
from contextlib import suppress
from typing import Any

from tests.faults.checker import End, Run
from tests.faults.tally import Tally
from tests.faults.virtual.ground import Plan
from tests.faults.virtual.link import Unavailable, Way
from tests.faults.virtual.machine import Machine
from tests.faults.virtual.site import Site

_POINTS = ("plane.handed-out", "plane.heard", "plane.stored", "plane.beat", "store.commit")
_ENDS: tuple[End, ...] = ("exit 0", "exit 0", "exit 0", "exit 3")
_DOUBLES, _DELAYED, _CUT, _DARK = 0.3, 0.1, 0.03, 0.02  # of the links, in one wave
_KILLS = 2  # of the control plane, in one wave
_HEALED_AFTER = 20.0  # seconds
_WITHIN = 600.0  # seconds in which all is over
_FAULT = "storm"


class Storm:
    def __init__(self, site: Site, chance: random.Random) -> None:
        self._site = site
        self._chance = chance
        self._waves = 0

    async def wave(self, tally: Tally) -> None:
        """One command on each machine of the site, handed out again and again."""
        site, machines = self._site, list(self._site.fleet.machines.values())
        self._waves += 1
        name, end = f"w{self._waves}", self._chance.choice(_ENDS)
        plans = {one.instance_id: Plan(name=name, end=end, output=b"hello\n") for one in machines}
        site.fleet.plans.update({f"{name} {i}": plan for i, plan in plans.items()})
        boots = {one.instance_id: len(one.boots) for one in machines}
        self._spoil(machines)
        self._doom()
        invoke_id = await self._asked(name, machines)
        began = site.clock.tick
        await site.advance_to(began + _HEALED_AFTER)
        self._heal(machines)
        told = await self._over(invoke_id, until=began + _WITHIN)
        for one in machines:
            run = Run(
                name=f"{name} on {one.instance_id}",
                end=end,
                lines=tuple(plans[one.instance_id].lines),
                produced=b"hello\n",
                told=told.get(one.instance_id),
                boots=tuple(one.boots[boots[one.instance_id] - 1 :]),
            )
            tally.add(run, "any", _FAULT, hit=True)

    def _spoil(self, machines: list[Machine]) -> None:
        chance = self._chance
        for one in machines:
            one.link.doubles = chance.random() < _DOUBLES
            one.link.delays = chance.randint(1, 2) if chance.random() < _DELAYED else 0
            one.link.way = chance.choices(
                (Way.CUT, Way.DARK, Way.OPEN), (_CUT, _DARK, 1 - _CUT - _DARK)
            )[0]

    def _heal(self, machines: list[Machine]) -> None:
        for one in machines:
            one.link.way, one.link.doubles, one.link.delays = Way.OPEN, False, 0

    def _doom(self) -> None:
        """Have the control plane killed at some of its steps."""
        left = [(self._chance.choice(_POINTS), self._chance.randint(1, 60)) for _ in range(_KILLS)]

        def step(name: str) -> None:
            for number, (point, skip) in enumerate(left):
                if point == name:
                    left[number] = (point, skip - 1)
                    if skip == 1:
                        self._site.kill()

        self._site.on_step = step

    async def _asked(self, name: str, machines: list[Machine]) -> str:
        order: dict[str, Any] = {
            "Name": name,
            "Type": "RunShellScript",
            "CommandContent": name,
            "Timeout": 3600,
        }
        while True:
            with suppress(Unavailable):
                answer = await self._site.call(
                    "RunCommand",
                    ContentEncoding="PlainText",
                    ClientToken=name,
                    InstanceId=[one.instance_id for one in machines],
                    **order,
                )
                return str(answer["InvokeId"])
            await self._site.advance_to(self._site.clock.tick + 1)

    async def _over(self, invoke_id: str, *, until: float) -> dict[str, dict[str, Any]]:
        """The results, once none is open and no agent has anything more to say."""
        site = self._site
        while True:
            told = await self._told(invoke_id)
            ended = all(one["InvocationStatus"] not in ("Pending", "Running") for one in told)
            quiet = not any(one.disk.entries for one in site.fleet.machines.values())
            if (told and ended and quiet) or site.clock.tick >= until:
                return {one["InstanceId"]: one for one in told}
            await site.advance_to(site.clock.tick + 2)

    async def _told(self, invoke_id: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        page = 1
        with suppress(Unavailable):
            while True:
                answer = await self._site.call(
                    "DescribeInvocationResults", InvokeId=invoke_id, PageSize=50, PageNumber=page
                )
                results = answer["Invocation"]["InvocationResults"]["InvocationResult"]
                found += results
                if len(results) < 50:
                    return found
                page += 1
        return []
