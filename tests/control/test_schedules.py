"""Commands that run again: at their moments, after boots, one by one, until they are stopped."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cloudhand.core.command import CommandType
from cloudhand.core.errors import FrequencyProblem, InvocationEnded, NotRepeating
from cloudhand.core.ids import InstanceId, InvokeId
from cloudhand.core.invocation import Overall, RepeatMode
from cloudhand.core.orders import (
    CommandFilter,
    InvocationChange,
    InvocationFilter,
    NewCommand,
    NewInvocation,
    ResultView,
    RunOrder,
)
from cloudhand.wire import agent as wire
from tests.machines import exit_with, finish, run_on
from tests.world import ALL, World

EVERY_FIVE = {"repeat_mode": RepeatMode.PERIOD, "frequency": "rate(5m)"}
AFTER_EACH_BOOT = {"repeat_mode": RepeatMode.EVERY_REBOOT}
AFTER_THE_NEXT_BOOT = {"repeat_mode": RepeatMode.NEXT_REBOOT_ONLY}


async def history(world: World, invoke_id: InvokeId) -> list[ResultView]:
    """All runs, the last first."""
    wanted = InvocationFilter(invoke_id=invoke_id)
    return list((await world.control.invocations.results(wanted, ALL, with_history=True)).items)


async def runs(world: World, invoke_id: InvokeId) -> list[tuple[int, str, str]]:
    return [
        (view.target.run, view.target.state.value, view.target.error_code)
        for view in reversed(await history(world, invoke_id))
    ]


async def shown(world: World, invoke_id: InvokeId) -> tuple[str, int]:
    target = (await world.result(invoke_id)).target
    return target.state.value, target.run


async def change(world: World, invoke_id: InvokeId, **changes: Any) -> str:
    asked = await world.control.schedules.modify(invoke_id, InvocationChange(**changes))
    return asked.command_id


def started(world: World, instance_id: InstanceId) -> list[str]:
    return world.machine(instance_id).ever_started


async def test_a_command_runs_at_each_of_its_moments_under_an_id_of_its_own(
    tmp_path: Path,
) -> None:
    async with World(tmp_path) as world:
        instance_id = await world.instance()
        invoke_id = await world.run(instance_id, **EVERY_FIVE)
        await world.advance(minutes=4)
        assert await shown(world, invoke_id) == ("Scheduled", 0)
        assert await history(world, invoke_id) == []
        await world.advance(minutes=10)
        assert await shown(world, invoke_id) == ("Scheduled", 2)
        assert await world.overall(invoke_id) is Overall.SCHEDULED
        assert await runs(world, invoke_id) == [(1, "Success", ""), (2, "Success", "")]
        assert started(world, instance_id) == [f"{invoke_id}.1", f"{invoke_id}.2"]
        last = await world.result(invoke_id)
        assert (last.output, last.target.exit_code) == (b"helloworld\n", 0)
        assert [view.output for view in await history(world, invoke_id)] == [b"helloworld\n"] * 2


async def test_one_moment_is_the_end_of_it(tmp_path: Path) -> None:
    async with World(tmp_path, behave=exit_with(3)) as world:
        instance_id = await world.instance()
        at = (world.clock.now() + timedelta(minutes=5)).strftime("at(%Y-%m-%d %H:%M:%S)")
        invoke_id = await world.run(instance_id, repeat_mode=RepeatMode.PERIOD, frequency=at)
        await world.advance(minutes=4)
        assert await shown(world, invoke_id) == ("Scheduled", 0)
        await world.until(lambda: world.ended(invoke_id))
        assert await shown(world, invoke_id) == ("Failed", 1)
        assert await runs(world, invoke_id) == [(1, "Failed", "ExitCodeNonzero")]
        await world.restart(after=timedelta(days=2))
        await world.advance(minutes=1)
        assert started(world, instance_id) == [f"{invoke_id}.1"]


async def test_each_machine_follows_its_own_clocks(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        here, there = await world.instances(2)
        world.machine(there).time_zone = "Asia/Shanghai"
        world.machines.restart(there)
        await world.advance(seconds=10)
        invoke_id = await world.run(
            here, there, repeat_mode=RepeatMode.PERIOD, frequency="0 0 12 * * ?"
        )
        views = await world.results(invoke_id)
        assert _hour(views[here]) == 12
        assert _hour(views[there]) == 4  # of UTC


def _hour(view: ResultView) -> int:
    assert view.target.next_at is not None
    return view.target.next_at.hour


async def test_what_comes_while_a_run_goes_on_is_left_out(tmp_path: Path) -> None:
    async with World(tmp_path, behave=run_on) as world:
        instance_id = await world.instance()
        invoke_id = await world.run(instance_id, timeout=300, **EVERY_FIVE)
        machine = world.machine(instance_id)
        await world.advance(minutes=5, seconds=1)
        assert await shown(world, invoke_id) == ("Running", 1)
        (task,) = machine.running.values()
        await world.advance(minutes=4, seconds=59)
        assert started(world, instance_id) == [f"{invoke_id}.1"]
        await world.machines.end(machine, finish(task, 0, b"late\n"))
        assert await shown(world, invoke_id) == ("Scheduled", 1)
        await world.advance(minutes=5)
        assert started(world, instance_id) == [f"{invoke_id}.1", f"{invoke_id}.2"]


async def test_what_came_while_no_control_plane_was_there_is_made_up_for_once(
    tmp_path: Path,
) -> None:
    async with World(tmp_path) as world:
        instance_id = await world.instance()
        invoke_id = await world.run(instance_id, **EVERY_FIVE)
        began = world.clock.now()
        await world.restart(after=timedelta(minutes=27))
        await world.advance(minutes=1)
        assert await runs(world, invoke_id) == [(1, "Success", "")]
        target = (await world.result(invoke_id)).target
        assert target.next_at == began.replace(microsecond=0) + timedelta(minutes=30)


async def test_a_run_survives_the_control_plane(tmp_path: Path) -> None:
    async with World(tmp_path, behave=run_on) as world:
        instance_id = await world.instance()
        invoke_id = await world.run(instance_id, **EVERY_FIVE)
        machine = world.machine(instance_id)
        await world.advance(minutes=5, seconds=1)
        await world.restart()
        (task,) = machine.running.values()
        await world.machines.end(machine, finish(task, 0, b"done\n"))
        assert await runs(world, invoke_id) == [(1, "Success", "")]
        assert await shown(world, invoke_id) == ("Scheduled", 1)


async def test_a_machine_that_is_away_misses_its_run_and_has_the_next(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        instance_id = await world.instance()
        invoke_id = await world.run(instance_id, **EVERY_FIVE)
        world.machine(instance_id).connected = False
        await world.advance(minutes=7)
        assert await shown(world, invoke_id) == ("Scheduled", 1)
        assert await runs(world, invoke_id) == [(1, "Aborted", "ClientNotOnline")]
        machine = world.machine(instance_id)
        machine.connected = True
        world.machines.start_agent(machine)
        await world.advance(minutes=5)
        assert (await runs(world, invoke_id))[1:] == [(2, "Success", "")]
        assert started(world, instance_id) == [f"{invoke_id}.2"]


async def test_a_machine_tells_later_how_an_earlier_run_ended(tmp_path: Path) -> None:
    async with World(tmp_path, behave=run_on) as world:
        instance_id = await world.instance()
        invoke_id = await world.run(instance_id, **EVERY_FIVE)
        machine = world.machine(instance_id)
        await world.advance(minutes=5, seconds=1)
        machine.connected = False
        (task,) = machine.running.values()
        await world.advance(minutes=3)
        assert await runs(world, invoke_id) == [(1, "Error", "ClientNotOnline")]
        await world.advance(minutes=4)  # the second run does not reach it
        machine.connected = True
        await world.machines.end(machine, finish(task, 0, b"all was well\n"))
        told = list(reversed(await history(world, invoke_id)))
        assert (told[0].target.state, told[0].output) == ("Success", b"all was well\n")
        assert not told[0].target.inferred
        assert (told[1].target.state, told[1].output) == ("Aborted", b"")
        assert (await world.result(invoke_id)).target.error_code == "ClientNotOnline"


async def test_the_last_run_is_corrected_where_it_is_shown_too(tmp_path: Path) -> None:
    async with World(tmp_path, behave=run_on) as world:
        instance_id = await world.instance()
        invoke_id = await world.run(instance_id, **EVERY_FIVE)
        machine = world.machine(instance_id)
        await world.advance(minutes=5, seconds=1)
        machine.connected = False
        (task,) = machine.running.values()
        await world.advance(minutes=3)
        machine.connected = True
        await world.machines.end(machine, finish(task, 4, b""))
        target = (await world.result(invoke_id)).target
        assert (target.state, target.exit_code) == ("Scheduled", 4)
        assert (target.error_code, target.inferred) == ("ExitCodeNonzero", False)
        assert await runs(world, invoke_id) == [(1, "Failed", "ExitCodeNonzero")]


async def test_stop_ends_what_is_scheduled(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        one, other = await world.instances(2)
        invoke_id = await world.run(one, other, **EVERY_FIVE)
        await world.advance(minutes=5, seconds=1)
        await world.control.invocations.stop(invoke_id, only=[one])
        assert await world.states(invoke_id) == {one: "Cancelled", other: "Scheduled"}
        await world.advance(minutes=5)
        assert len(started(world, one)) == 1
        assert len(started(world, other)) == 2
        await world.control.invocations.stop(invoke_id)
        assert await world.overall(invoke_id) is Overall.STOPPED
        assert len(await history(world, invoke_id)) == 3


async def test_stop_ends_what_runs_and_nothing_follows(tmp_path: Path) -> None:
    async with World(tmp_path, behave=run_on) as world:
        instance_id = await world.instance()
        invoke_id = await world.run(instance_id, **EVERY_FIVE)
        await world.advance(minutes=5, seconds=1)
        await world.control.invocations.stop(invoke_id)
        await world.until(lambda: world.ended(invoke_id))
        assert await shown(world, invoke_id) == ("Terminated", 1)
        assert await runs(world, invoke_id) == [(1, "Terminated", "")]
        await world.advance(minutes=11)
        assert len(started(world, instance_id)) == 1


@pytest.mark.parametrize("boots", [1, 3])
async def test_a_command_runs_after_each_boot(tmp_path: Path, boots: int) -> None:
    async with World(tmp_path) as world:
        instance_id = await world.instance()
        invoke_id = await world.run(instance_id, **AFTER_EACH_BOOT)
        machine = world.machine(instance_id)
        world.machines.start_agent(machine)  # in the same boot
        await world.advance(seconds=30)
        assert await shown(world, invoke_id) == ("Scheduled", 0)
        for _ in range(boots):
            world.machines.restart(instance_id)
            await world.advance(seconds=30)
        assert await shown(world, invoke_id) == ("Scheduled", boots)
        assert len(started(world, instance_id)) == boots


async def test_a_command_runs_after_the_next_boot_alone(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        instance_id = await world.instance()
        invoke_id = await world.run(instance_id, **AFTER_THE_NEXT_BOOT)
        await world.control.instances.reboot([instance_id], force=False, together=True)
        await world.until(lambda: world.ended(invoke_id))
        assert await shown(world, invoke_id) == ("Success", 1)
        world.machines.restart(instance_id)
        await world.advance(seconds=30)
        assert started(world, instance_id) == [f"{invoke_id}.1"]


async def test_a_run_of_before_the_boot_ends_before_the_one_of_after_it_begins(
    tmp_path: Path,
) -> None:
    async with World(tmp_path, behave=run_on) as world:
        instance_id = await world.instance()
        invoke_id = await world.run(instance_id, **AFTER_EACH_BOOT)
        world.machines.restart(instance_id)
        await world.advance(seconds=10)
        assert await shown(world, invoke_id) == ("Running", 1)
        world.machines.restart(instance_id)
        await world.advance(seconds=10)
        assert await runs(world, invoke_id) == [
            (1, "Error", "InstanceRestarted"),
            (2, "Running", ""),
        ]


async def test_each_run_may_restart_its_machine(tmp_path: Path) -> None:
    async with World(tmp_path, behave=exit_with(194)) as world:
        instance_id = await world.instance()
        invoke_id = await world.run(instance_id, **EVERY_FIVE)
        await world.advance(minutes=11)
        told = await history(world, invoke_id)
        assert [(view.target.state.value, view.target.exit_code) for view in told] == [
            ("Success", 194)
        ] * 2
        actions = [view.power_action for view in told]
        assert [action and action.state.value for action in actions] == ["Done", "Done"]
        assert world.machine(instance_id).boots == 3


async def test_what_is_scheduled_ends_with_its_machine(tmp_path: Path) -> None:
    async with World(tmp_path, behave=run_on) as world:
        waiting, busy = await world.instances(2)
        asked = [
            await world.run(waiting, **AFTER_EACH_BOOT),
            await world.run(busy, **EVERY_FIVE),
        ]
        await world.advance(minutes=5, seconds=1)
        assert [await shown(world, one) for one in asked] == [("Scheduled", 0), ("Running", 1)]
        await world.control.instances.release([waiting, busy], force=True)
        for one in asked:
            await world.until(partial(world.ended, one))
            target = (await world.result(one)).target
            assert (target.state, target.error_code) == ("Error", "InstanceReleased")


async def test_what_never_comes_is_refused(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        instance_id = await world.instance()
        for text in ("0 0 0 1 1 ? 2020", "at(2020-01-01 00:00:00)", "rate(30s)", "nonsense"):
            with pytest.raises(FrequencyProblem, match="cannot"):
                await world.run(instance_id, repeat_mode=RepeatMode.PERIOD, frequency=text)
        assert (
            await world.control.invocations.find(InvocationFilter(), ALL, with_output=False)
        ).total == 0


async def test_changes_hold_from_the_next_run_on(tmp_path: Path) -> None:
    said: list[bytes] = []

    def note(machine: object, task: wire.Task) -> wire.Report:
        said.append(task.content)
        return finish(task, 0, b"")

    async with World(tmp_path, behave=note) as world:
        one, other = await world.instances(2)
        invoke_id = await world.run(one, script="one", **EVERY_FIVE)
        before = (await world.result(invoke_id)).invocation.command.id
        await world.advance(minutes=5, seconds=1)
        assert await change(world, invoke_id, frequency="rate(10m)") == before
        after = await change(
            world,
            invoke_id,
            content=b"{{what}} in {{ACS::InvokeId}}",
            enable_parameter=True,
            parameters={"what": "two"},
            more_instance_ids=[other, one],
        )
        assert after != before
        assert (await world.control.commands.find(CommandFilter(), ALL)).total == 0
        await world.advance(minutes=4)
        assert said == [b"one"]
        await world.advance(minutes=1)  # ten minutes after it was asked for, not after the change
        assert said == [b"one"] + [b"two in " + invoke_id.encode()] * 2
        assert await world.states(invoke_id) == {one: "Scheduled", other: "Scheduled"}


async def test_a_stored_command_that_is_changed_is_another_stored_command(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        instance_id = await world.instance()
        asked = await world.control.invocations.run(
            RunOrder(
                command=NewCommand(type=CommandType.SHELL, content=b"one", name="kept"),
                keep_command=True,
                invocation=NewInvocation(instance_ids=[instance_id], **EVERY_FIVE),  # type: ignore[arg-type]
            )
        )
        after = await change(world, asked.invoke_id, content=b"two")
        stored = (await world.control.commands.find(CommandFilter(), ALL)).items
        assert {(one.command.id, one.command.name, one.command.content) for one in stored} == {
            (asked.command_id, "kept", b"one"),
            (after, "kept", b"two"),
        }


async def test_what_runs_once_or_no_more_is_not_changed(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        instance_id = await world.instance()
        once = await world.run(instance_id)
        with pytest.raises(NotRepeating):
            await change(world, once, content=b"two")
        stopped = await world.run(instance_id, **EVERY_FIVE)
        await world.control.invocations.stop(stopped)
        with pytest.raises(InvocationEnded):
            await change(world, stopped, content=b"two")
        booting = await world.run(instance_id, **AFTER_EACH_BOOT)
        with pytest.raises(FrequencyProblem):
            await change(world, booting, frequency="rate(1h)")


async def test_what_may_run_again_is_kept_and_its_old_runs_are_not(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        instance_id = await world.instance()
        invoke_id = await world.run(
            instance_id, repeat_mode=RepeatMode.PERIOD, frequency="rate(7d)"
        )
        for _ in range(8):
            await world.restart(after=timedelta(days=7))
            await world.advance(minutes=1)
        kept = [run for run, _, _ in await runs(world, invoke_id)]
        assert kept == [5, 6, 7, 8]
        assert [view.output for view in await history(world, invoke_id)] == [b"helloworld\n"] * 4
