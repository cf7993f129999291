"""Whatever happens to commands, machines and the control plane, in any order, the truth is told.

Each seed is a life of two machines, in virtual time. `CLOUDHAND_TEST_LIVES` says how many there
are; what happens, and what must hold after each step, is the same every time.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import islice
from pathlib import Path

import pytest

from cloudhand.control.provider import Power
from cloudhand.control.settings import ControlSettings
from cloudhand.core import power
from cloudhand.core.errors import IncorrectState
from cloudhand.core.ids import InstanceId, InvokeId
from cloudhand.core.invocation import RepeatMode, State, Target
from cloudhand.core.orders import InvocationFilter, ResultView
from cloudhand.wire import agent as wire
from tests.machines import Machine, finish, run_on
from tests.world import ALL, World

_LIVES = int(os.environ.get("CLOUDHAND_TEST_LIVES", "16"))
_LENGTH = 40  # steps
_SLACK = timedelta(seconds=6)  # a loop looks every 5 s at the latest
_BEAT = 50.0  # seconds
_TIMEOUTS = (60, 200)  # seconds, of commands
_AGAIN = ("rate(2m)", "rate(5m)", "EveryReboot", "NextRebootOnly")
_UNTIL_ASSUMED = max(_TIMEOUTS) + 100  # seconds, until silence has been judged

Step = tuple[object, ...]


def _steps(chance: random.Random) -> Iterator[Step]:
    """What happens, drawn as often as it stands here."""
    while True:
        one = chance.choice((0, 0, 1))
        yield chance.choice(
            (
                ("run", chance.choice(((0,), (0,), (0, 1))), chance.choice(_TIMEOUTS)),
                ("run", (one,), chance.choice(_TIMEOUTS)),
                ("run again", (one,), chance.choice(_AGAIN)),
                ("end", one, chance.choice((0, 3))),
                ("end", one, chance.choice((193, 194))),
                ("end", one, 0),
                ("end", one, 0),
                ("end unheard", one, chance.choice((0, 3))),
                ("end in silence", one, chance.choice((0, 3, 193, 194))),
                ("repeat", one),
                ("agent", one),
                ("cut", one),
                ("back", one),
                ("back", one),
                ("power", one, "off"),
                ("power", one, "on"),
                ("power", one, "on"),
                ("power", one, "on"),
                ("power", one, "cycle"),
                ("ask", one, "stop"),
                ("ask", one, "reboot"),
                ("ask", one, "start"),
                ("ask", one, "start"),
                ("cancel", chance.randrange(10)),
                ("restart", chance.choice((0, 10, 10_000))),
                ("pass", chance.choice((1, 20, 70, 200))),
                ("pass", chance.choice((1, 5))),
            )
        )


Key = tuple[str, InstanceId]  # by what its agent calls it


@dataclass
class Life:
    """What was done, and what machines have said: with what is told it must agree."""

    world: World
    ids: list[InstanceId]
    invoke_ids: list[InvokeId] = field(default_factory=list)
    ends: dict[Key, wire.Report] = field(default_factory=dict)  # how scripts ended by themselves
    reboots: int = 0  # that were asked for and not refused
    told: dict[Key, Target] = field(default_factory=dict)  # final ones, as they were told first
    again: set[InvokeId] = field(default_factory=set)  # those that run again by themselves

    def machine(self, who: int) -> Machine:
        return self.world.machine(self.ids[who])

    async def do(self, step: Step) -> None:
        match step:
            case ("run", tuple(who), int(timeout)):
                await self._run([self.ids[number] for number in who], timeout)
            case ("run again", tuple(who), str(when)):
                await self._run_again([self.ids[number] for number in who], when)
            case ("end", int(who), int(code)):
                await self._end(self.machine(who), code, heard=True)
            case ("end unheard", int(who), int(code)):
                await self._end(self.machine(who), code, heard=False)
            case ("end in silence", int(who), int(code)):
                self.machine(who).connected = False
                await self._end(self.machine(who), code, heard=True)
                await self._pass(_UNTIL_ASSUMED)
            case ("repeat", int(who)):
                await self._repeat(self.machine(who))
            case ("agent", int(who)):
                self._start_agent(self.machine(who))
            case ("cut", int(who)):
                self.machine(who).connected = False
            case ("back", int(who)):
                self.machine(who).connected = True
                self._start_agent(self.machine(who))
            case ("power", int(who), str(how)):
                self._power(self.ids[who], how)
            case ("ask", int(who), str(what)):
                with suppress(IncorrectState):
                    await self._ask(self.ids[who], what)
            case ("cancel", int(number)):
                if self.invoke_ids:
                    invoke_id = self.invoke_ids[number % len(self.invoke_ids)]
                    await self.world.control.invocations.stop(invoke_id)
            case ("restart", int(seconds)):
                await self.world.restart(after=timedelta(seconds=seconds))
            case ("pass", int(seconds)):
                await self._pass(seconds)
            case _:
                raise AssertionError(step)
        await self.world.settle()

    async def _run(self, ids: list[InstanceId], timeout: int) -> None:
        with suppress(IncorrectState):
            self.invoke_ids.append(await self.world.run(*ids, timeout=timeout))

    async def _run_again(self, ids: list[InstanceId], when: str) -> None:
        at = {"repeat_mode": RepeatMode.PERIOD, "frequency": when}
        given = at if "(" in when else {"repeat_mode": RepeatMode(when)}
        with suppress(IncorrectState):
            invoke_id = await self.world.run(*ids, timeout=60, **given)
            self.invoke_ids.append(invoke_id)
            self.again.add(invoke_id)

    async def _end(self, machine: Machine, code: int, *, heard: bool) -> None:
        """A script ends by itself; ``heard``: its agent hears that this is known."""
        if machine.power is not Power.RUNNING or not machine.running:
            return
        task = next(iter(machine.running.values()))
        report = finish(task, code, f"output of {task.task_id}\n".encode())
        self.ends[task.task_id, machine.instance_id] = report
        if heard:
            await self.world.machines.end(machine, report)
            return
        machine.running.pop(task.task_id)
        machine.unacknowledged[task.task_id] = report
        if machine.connected:
            await self.world.machines.say(machine, report)

    async def _repeat(self, machine: Machine) -> None:
        for (_, instance_id), report in self.ends.items():
            if instance_id == machine.instance_id and machine.connected:
                await self.world.machines.say(machine, report)

    def _start_agent(self, machine: Machine) -> None:
        if machine.power is Power.RUNNING:
            self.world.machines.start_agent(machine)

    def _power(self, instance_id: InstanceId, how: str) -> None:
        on = self.world.machine(instance_id).power is Power.RUNNING
        if how != "on" and on:
            self.world.machines.power_off(instance_id)
        if (how == "cycle" and on) or (how == "on" and not on):
            self.world.machines.power_on(instance_id)

    async def _ask(self, instance_id: InstanceId, what: str) -> None:
        instances = self.world.control.instances
        match what:
            case "start":
                await instances.start([instance_id], together=True)
            case "stop":
                await instances.stop([instance_id], force=False, together=True)
            case _:
                await instances.reboot([instance_id], force=False, together=True)
                self.reboots += 1

    async def _pass(self, seconds: float) -> None:
        """Let time pass, with the heart-beats of those who can be heard."""
        while seconds > 0:
            for machine in self.world.machines.machines.values():
                if machine.power is Power.RUNNING and machine.connected:
                    await self.world.machines.beat(machine)
            await self.world.advance(seconds=min(seconds, _BEAT))
            seconds -= _BEAT

    async def check(self) -> None:
        for invoke_id in self.invoke_ids:
            for view in await self._runs(invoke_id):
                self._check(view)
            for view in (await self.world.results(invoke_id)).values():
                self._check_schedule(view.target)

    async def _runs(self, invoke_id: InvokeId) -> Sequence[ResultView]:
        wanted = InvocationFilter(invoke_id=invoke_id)
        found = await self.world.control.invocations.results(wanted, ALL, with_history=True)
        return found.items

    def _check_schedule(self, target: Target) -> None:
        """What is scheduled comes, and no run of before it is open."""
        if target.state is State.SCHEDULED:
            assert (target.next_at is None) is target.on_boot
            assert target.deadline_at is None
        if target.next_at is not None:
            assert target.next_at > self.world.clock.now() - _SLACK
        if target.comes_again:
            assert target.invoke_id in self.again
            assert not target.final

    def _check(self, view: ResultView) -> None:
        target = replace(view.target, version=0)
        key = (target.task_id, target.instance_id)
        if not target.final:
            assert key not in self.told, "what has ended begins again"
            assert target.deadline_at is not None
            assert target.deadline_at > self.world.clock.now() - _SLACK
            return
        assert target.deadline_at is None
        before = self.told.get(key)
        if before is not None and before != target:
            assert before.inferred, "what somebody said is contradicted"
            assert not target.inferred, "one guess is replaced by another"
        self.told[key] = target
        if target.state in (State.SUCCESS, State.FAILED):
            self._check_end(view, self.ends[key])

    def _check_end(self, view: ResultView, report: wire.Report) -> None:
        honoured = self.world.settings.power_exit_codes is power.ExitCodePolicy.SUCCESS
        good = report.exit_code == 0 or (bool(report.power) and honoured)
        assert view.target.state is (State.SUCCESS if good else State.FAILED)
        assert (view.target.exit_code, view.output) == (report.exit_code, report.output)
        assert (view.power_action is not None) == bool(report.power)

    async def _check_power(self, invoke_id: InvokeId) -> None:
        for view in await self._runs(invoke_id):
            if view.power_action is not None:
                assert view.power_action.state is power.State.DONE

    async def end_well(self) -> None:
        """Everybody comes back, and nothing stays open; who was heard is believed."""
        for machine in self.world.machines.machines.values():
            machine.connected = True
        for who in range(len(self.ids)):
            self._power(self.ids[who], "on")
            self._start_agent(self.machine(who))
        await self._pass(_UNTIL_ASSUMED)
        for invoke_id in self.again:
            await self.world.control.invocations.stop(invoke_id)
        await self._pass(_UNTIL_ASSUMED)
        await self.check()
        for key in self.ends:
            assert self.told[key].state in (State.SUCCESS, State.FAILED), "it was not believed"
        for invoke_id in self.invoke_ids:
            await self._check_power(invoke_id)
        assert all([await self.world.ended(invoke_id) for invoke_id in self.invoke_ids])
        for machine in self.world.machines.machines.values():
            assert not machine.unacknowledged
        done = [call for call in self.world.machines.calls if call.startswith("reboot")]
        assert len(done) <= self.reboots, "a machine was restarted and nobody had asked"


@pytest.mark.parametrize("seed", range(_LIVES))
async def test_every_life_is_told_truly(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    of_world = ControlSettings(power_exit_codes=chance.choice(list(power.ExitCodePolicy)))
    async with World(tmp_path, settings=of_world, behave=run_on) as world:
        life = Life(world, await world.instances(2))
        for step in islice(_steps(chance), _LENGTH):
            print(step)  # shown if it fails
            await life.do(step)
            await life.check()
        await life.end_well()
