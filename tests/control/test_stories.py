"""Commands, restarts and silences, told from a caller's side."""

from __future__ import annotations

import logging
from datetime import timedelta
from pathlib import Path

import pytest

from cloudhand.control.settings import ControlSettings
from cloudhand.core.command import CommandType
from cloudhand.core.errors import (
    IncorrectState,
    InstanceNotFound,
    InvocationNotFound,
    ParameterProblem,
    TooMany,
)
from cloudhand.core.ids import InstanceId, InvokeId
from cloudhand.core.invocation import Overall, RepeatMode
from cloudhand.core.orders import NewActivation
from cloudhand.core.power import ExitCodePolicy
from cloudhand.core.power import State as PowerState
from cloudhand.wire import agent as wire
from tests.machines import exit_with, finish, run_on
from tests.world import ALL, World


async def test_a_command_runs_on_three_instances(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        ids = await world.instances(3)
        invoke_id = await world.run(*ids)
        await world.until(lambda: world.ended(invoke_id))
        results = await world.results(invoke_id)
        assert {view.output for view in results.values()} == {b"helloworld\n"}
        assert await world.states(invoke_id) == dict.fromkeys(ids, "Success")
        assert await world.overall(invoke_id) is Overall.SUCCESS


@pytest.mark.parametrize("restart", [False, True], ids=["undisturbed", "control plane restarted"])
async def test_exit_194_is_success_and_restarts_the_instance(tmp_path: Path, restart: bool) -> None:
    async with World(tmp_path, behave=exit_with(194, b"bye\n")) as world:
        instance_id = await world.instance()
        before = world.machine(instance_id).boot_id
        invoke_id = await world.run(instance_id)
        await world.until(lambda: world.ended(invoke_id))
        assert await world.status(instance_id) in ("Rebooting", "Running")
        if restart:
            await world.restart()
        await world.until(lambda: world._all_in([instance_id], "Running"))
        view = await world.result(invoke_id)
        assert (view.target.state, view.target.exit_code) == ("Success", 194)
        assert view.output == b"bye\n"
        assert view.power_action is not None
        assert view.power_action.state is PowerState.DONE
        assert view.power_action.boot_id_before == before
        assert view.power_action.boot_id_after == world.machine(instance_id).boot_id != before
        assert world.machine(instance_id).boots == 2


async def test_every_move_is_logged_with_what_moved_and_why(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="cloudhand.store.events")
    async with World(tmp_path) as world:
        instance_id = await world.instance()
        caplog.clear()
        invoke_id = await world.run(instance_id)
        await world.until(lambda: world.ended(invoke_id))
    told = [vars(record) for record in caplog.records if record.message == "move"]
    names = ("noun", "id", "from", "event", "to", "source")
    target = ("target", f"{invoke_id}/{instance_id}")
    assert [tuple(one[name] for name in names) for one in told] == [
        (*target, "Pending", "started", "Running", "agent"),
        (*target, "Running", "succeeded", "Success", "agent"),
    ]


async def test_exit_193_is_success_and_stops_the_instance_until_it_is_started(
    tmp_path: Path,
) -> None:
    async with World(tmp_path, behave=exit_with(193)) as world:
        instance_id = await world.instance()
        invoke_id = await world.run(instance_id)
        await world.until(lambda: world._all_in([instance_id], "Stopped"))
        view = await world.result(invoke_id)
        assert (view.target.state, view.target.exit_code) == ("Success", 193)
        assert view.power_action is not None and view.power_action.state is PowerState.DONE
        await world.control.instances.start([instance_id], together=True)
        await world.until(lambda: world._all_in([instance_id], "Running"))


async def test_power_exit_codes_as_documented_fail_the_target_and_act_all_the_same(
    tmp_path: Path,
) -> None:
    settings = ControlSettings(power_exit_codes=ExitCodePolicy.DOCUMENTED)
    async with World(tmp_path, settings=settings, behave=exit_with(194)) as world:
        instance_id = await world.instance()
        invoke_id = await world.run(instance_id)
        await world.until(lambda: world.ended(invoke_id))
        view = await world.result(invoke_id)
        assert (view.target.state, view.target.error_code) == ("Failed", "ExitCodeNonzero")
        await world.until(lambda: world._all_in([instance_id], "Running"))
        assert world.machine(instance_id).boots == 2


async def test_a_restart_without_the_code_ends_the_target_truthfully(tmp_path: Path) -> None:
    async with World(tmp_path, behave=run_on) as world:
        instance_id = await world.instance()
        invoke_id = await world.run(instance_id)
        await world.until(lambda: bool(world.machine(instance_id).running))
        world.machines.restart(instance_id)
        await world.until(lambda: world.ended(invoke_id), at_most=20)
        view = await world.result(invoke_id)
        assert (view.target.state, view.target.error_code) == ("Error", "InstanceRestarted")


async def test_a_machine_that_never_comes_back_leaves_nothing_running(tmp_path: Path) -> None:
    async with World(tmp_path, behave=run_on) as world:
        instance_id = await world.instance()
        invoke_id = await world.run(instance_id, timeout=86400)
        await world.until(lambda: bool(world.machine(instance_id).running))
        world.machines.power_off(instance_id)
        await world.until(lambda: world.ended(invoke_id), at_most=80)
        view = await world.result(invoke_id)
        assert (view.target.state, view.target.error_code) == ("Error", "InstanceNotRunning")
        assert view.target.inferred


async def test_what_the_agent_testifies_corrects_an_inferred_verdict_once(tmp_path: Path) -> None:
    async with World(tmp_path, behave=run_on) as world:
        instance_id = await world.instance()
        invoke_id = await world.run(instance_id)
        machine = world.machine(instance_id)
        await world.until(lambda: bool(machine.running))
        task = machine.running[invoke_id]
        machine.connected = False
        await world.until(lambda: world.ended(invoke_id), at_most=200)
        assert (await world.result(invoke_id)).target.state == "Error"
        machine.connected = True
        await world.machines.end(machine, finish(task, 0, b"done\n"))
        view = await world.result(invoke_id)
        assert (view.target.state, view.output, view.target.inferred) == (
            "Success",
            b"done\n",
            False,
        )
        await world.machines.say(machine, finish(task, 1, b""))
        assert (await world.result(invoke_id)).target.state == "Success"


async def test_a_command_for_an_agent_that_is_away_is_aborted_after_the_window(
    tmp_path: Path,
) -> None:
    async with World(tmp_path) as world:
        instance_id = await world.instance()
        world.machine(instance_id).connected = False
        invoke_id = await world.run(instance_id)
        await world.until(lambda: world.ended(invoke_id), at_most=61)
        view = await world.result(invoke_id)
        assert view.target.state == "Aborted"
        assert view.target.error_code in ("DeliveryTimeout", "ClientNotOnline")


HOURS = timedelta(hours=12)


async def later(world: World, **span: float) -> None:
    """After a long time, in which nobody looked at anything."""
    world.clock.move(timedelta(**span))
    await world.advance(seconds=30)


async def test_what_waits_for_an_agent_runs_once_when_it_is_back(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        instance_id = await world.instance()
        machine = world.machine(instance_id)
        machine.connected = False
        invoke_id = await world.run(instance_id, wait_online=HOURS)
        await later(world, hours=2)
        assert await world.states(invoke_id) == {instance_id: "Pending"}

        machine.connected = True
        world.machines.start_agent(machine)
        await world.advance(seconds=30)
        result = await world.result(invoke_id)
        assert (result.target.state, result.output) == ("Success", b"helloworld\n")
        await later(world, hours=11)
        assert len(machine.ever_started) == 1


async def test_what_waits_for_a_machine_that_is_off_runs_when_it_is_started(
    tmp_path: Path,
) -> None:
    async with World(tmp_path) as world:
        instance_id = await world.instance()
        await world.control.instances.stop([instance_id], force=False, together=True)
        await world.advance(seconds=30)
        with pytest.raises(IncorrectState):
            await world.run(instance_id)
        invoke_id = await world.run(instance_id, wait_online=HOURS)
        await later(world, hours=1)
        await world.restart(after=timedelta(hours=1))
        await world.advance(minutes=5)
        assert await world.states(invoke_id) == {instance_id: "Pending"}
        await world.control.instances.start([instance_id], together=True)
        await world.advance(seconds=30)
        assert await world.states(invoke_id) == {instance_id: "Success"}


async def test_a_machine_that_goes_down_meanwhile_is_waited_for_all_the_same(
    tmp_path: Path,
) -> None:
    async with World(tmp_path) as world:
        instance_id = await world.instance()
        world.machine(instance_id).connected = False
        invoke_id = await world.run(instance_id, wait_online=HOURS)
        world.machines.power_off(instance_id)
        await world.advance(minutes=5)
        assert await world.states(invoke_id) == {instance_id: "Pending"}


async def test_nobody_is_waited_for_longer_than_was_said(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        instance_id = await world.instance()
        world.machine(instance_id).connected = False
        invoke_id = await world.run(instance_id, wait_online=timedelta(minutes=30))
        await later(world, minutes=29)
        assert await world.states(invoke_id) == {instance_id: "Pending"}
        await world.advance(minutes=1)
        target = (await world.result(invoke_id)).target
        assert (target.state, target.error_code) == ("Aborted", "ClientNotOnline")


async def test_what_waits_can_be_stopped_and_ends_with_its_machine(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        first, second = await world.instances(2)
        for one in (first, second):
            world.machine(one).connected = False
        invoke_id = await world.run(first, second, wait_online=HOURS)
        await world.control.invocations.stop(invoke_id, only=[first])
        await world.control.instances.release([second], force=True)
        await world.advance(seconds=30)
        assert await world.states(invoke_id) == {first: "Cancelled", second: "Error"}
        with pytest.raises(InstanceNotFound):
            await world.run(second, wait_online=HOURS)


async def test_a_lost_kick_is_made_good(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        instance_id = await world.instance()
        machine = world.machine(instance_id)
        machine.connected = False
        invoke_id = await world.run(instance_id)
        await world.settle()
        machine.connected = True
        await world.until(lambda: world.ended(invoke_id), at_most=10)
        assert (await world.result(invoke_id)).target.state == "Success"


async def test_stop_cancels_what_waits_and_ends_what_runs(tmp_path: Path) -> None:
    async with World(tmp_path, behave=run_on) as world:
        busy, away = await world.instances(2)
        world.machine(away).connected = False
        invoke_id = await world.run(busy, away)
        await world.until(lambda: bool(world.machine(busy).running))
        await world.control.invocations.stop(invoke_id)
        await world.until(lambda: world.ended(invoke_id))
        assert await world.states(invoke_id) == {busy: "Terminated", away: "Cancelled"}
        assert await world.overall(invoke_id) is Overall.STOPPED


async def test_a_dry_run_runs_nothing(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        instance_id = await world.instance()
        invoke_id = await world.run(instance_id, repeat_mode=RepeatMode.DRY_RUN)
        await world.until(lambda: world.ended(invoke_id))
        assert (await world.result(invoke_id)).target.state == "Success"
        assert world.machine(instance_id).ever_started == []


async def test_restart_at_any_moment_of_a_command_changes_nothing(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        instance_id = await world.instance()
        for _ in range(3):
            invoke_id = await world.run(instance_id)
            await world.restart()
            await world.until(lambda wanted=invoke_id: world.ended(wanted))  # type: ignore[misc]
            assert (await world.result(invoke_id)).target.state == "Success"
        assert len(world.machine(instance_id).ever_started) == 3


async def test_what_happened_while_there_was_no_control_plane_is_heard_before_it_is_judged(
    tmp_path: Path,
) -> None:
    async with World(tmp_path, behave=run_on) as world:
        ran_on, not_fetched = await world.instances(2)
        invoke_id = await world.run(ran_on)
        machine = world.machine(ran_on)
        await world.until(lambda: bool(machine.running))
        task = machine.running[invoke_id]
        for away in (ran_on, not_fetched):
            world.machine(away).connected = False
        waiting = await world.run(not_fetched)

        await world.restart(after=timedelta(hours=3))

        await world.advance(seconds=20)
        assert not await world.ended(invoke_id)
        assert not await world.ended(waiting)
        for away in (ran_on, not_fetched):
            world.machine(away).connected = True
        await world.machines.end(machine, finish(task, 0, b"done\n"))
        assert await world.states(invoke_id) == {ran_on: "Success"}
        await world.until(lambda: bool(world.machine(not_fetched).running))


async def test_whoever_does_not_come_back_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    async with World(tmp_path, behave=run_on) as world:
        instance_id = await world.instance()
        invoke_id = await world.run(instance_id)
        await world.until(lambda: bool(world.machine(instance_id).running))
        world.machine(instance_id).connected = False

        await world.restart(after=timedelta(hours=3))

        await world.until(lambda: world.ended(invoke_id), at_most=61)
        assert (await world.result(invoke_id)).target.inferred


async def test_who_is_not_heard_of_after_a_start_is_not_online_for_its_last_heart_beat(
    tmp_path: Path,
) -> None:
    async with World(tmp_path) as world:
        back, away = await world.instances(2)
        world.machine(away).connected = False
        await world.restart()
        invoke_id = await world.run(away)

        await world.advance(seconds=31)

        views = await world.control.agents.statuses([back, away], ALL)
        assert [view.online for view in views.items] == [True, False]
        await world.until(lambda: world.ended(invoke_id), at_most=61)
        assert (await world.result(invoke_id)).target.error_code == "ClientNotOnline"


async def test_repeated_and_late_reports_change_nothing(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        instance_id = await world.instance()
        invoke_id = await world.run(instance_id)
        await world.until(lambda: world.ended(invoke_id))
        machine = world.machine(instance_id)
        late = wire.Report(kind=wire.RUNNING, task_id=invoke_id, start=1_000, output=b"x", offset=0)
        assert (await world.machines.say(machine, late)).stop
        again = wire.Report(kind=wire.FINISH, task_id=invoke_id, exit_code=1, start=1, end=2)
        await world.machines.say(machine, again)
        view = await world.result(invoke_id)
        assert (view.target.state, view.output) == ("Success", b"helloworld\n")


async def test_a_report_for_another_instance_is_nobodys(tmp_path: Path) -> None:
    async with World(tmp_path, behave=run_on) as world:
        one, other = await world.instances(2)
        invoke_id = await world.run(one)
        await world.until(lambda: bool(world.machine(one).running))
        stolen = wire.Report(kind=wire.FINISH, task_id=invoke_id, start=1, end=2)
        await world.machines.say(world.machine(other), stolen)
        assert (await world.result(invoke_id)).target.state == "Running"


async def test_reboot_is_seen_at_once_and_ends_with_another_boot(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        ids = await world.instances(3)
        before = {instance_id: world.machine(instance_id).boot_id for instance_id in ids}
        await world.control.instances.reboot(ids, force=False, together=True)
        assert {await world.status(instance_id) for instance_id in ids} == {"Rebooting"}
        await world.until(lambda: world._all_in(ids, "Running"))
        for instance_id in ids:
            assert world.machine(instance_id).boot_id != before[instance_id]


async def test_a_machine_that_starts_and_falls_over_again_and_again_is_not_back(
    tmp_path: Path,
) -> None:
    """Each time it is seen to run, in yet another boot, and its agent is never heard."""
    async with World(tmp_path) as world:
        instance_id = await world.instance()
        world.machine(instance_id).has_agent = False
        await world.control.instances.reboot([instance_id], force=False, together=True, by="ann")
        for _ in range(17):  # 170 s; then it would have failed to start
            await world.advance(seconds=10)
            assert await world.status(instance_id) == "Rebooting"
            world.machines.restart(instance_id)
        # One boot that lasts is another matter, if nobody but its provider is there to see it.
        await world.advance(seconds=115)
        assert await world.status(instance_id) == "Rebooting"
        await world.advance(seconds=15)
        assert await world.status(instance_id) == "Running"


async def test_a_failing_provider_is_asked_again(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        instance_id = await world.instance()
        world.machines.failing.add("stop")
        await world.control.instances.stop([instance_id], force=False, together=True)
        await world.advance(seconds=5)
        assert await world.status(instance_id) == "Stopping"
        world.machines.failing.clear()
        await world.until(lambda: world._all_in([instance_id], "Stopped"))


async def test_released_instances_take_their_commands_with_them(tmp_path: Path) -> None:
    async with World(tmp_path, behave=run_on) as world:
        instance_id = await world.instance()
        invoke_id = await world.run(instance_id)
        await world.until(lambda: bool(world.machine(instance_id).running))
        await world.control.instances.release([instance_id], force=True)
        view = await world.result(invoke_id)
        assert (view.target.state, view.target.error_code) == ("Error", "InstanceReleased")
        await world.until(lambda: world._all_in([instance_id], None))  # type: ignore[arg-type]
        assert world.machines.machines == {}


async def test_nothing_is_run_on_what_does_not_exist_or_run(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        instance_id = await world.instance()
        with pytest.raises(InstanceNotFound):
            await world.run(instance_id, InstanceId("i-none"))
        with pytest.raises(InvocationNotFound):
            await world.control.invocations.stop(InvokeId("t-none"))
        await world.control.instances.stop([instance_id], force=False, together=True)
        with pytest.raises(IncorrectState):
            await world.run(instance_id)


async def test_tags_name_no_more_instances_than_ids_may(tmp_path: Path) -> None:
    async with World(tmp_path, settings=ControlSettings(instances_limit=101)) as world:
        await world.instances(101, tags={"role": "web"})
        with pytest.raises(TooMany):
            await world.run(instance_tags={"role": "web"})


async def test_values_that_do_not_fit_are_refused_for_windows_too(tmp_path: Path) -> None:
    """Its agent would be told that its request for work is malformed, for as long as it asks."""
    async with World(tmp_path) as world:
        activation, code = await world.control.activations.create(NewActivation())
        joining = wire.Registration(
            activation_id=activation.id,
            activation_code=code,
            region_id=world.settings.region_id,
            machine_id="machine-1",
            hostname="outside",
            os_type="windows",
            os_version="Windows Server 2022",
            agent_version="2.1.3.560",
        )
        joined = await world.control.agents.register(joining, address="192.0.2.1", public_key=b"")
        for script, values in (("echo {{a}}", {"b": "1"}), ("echo {{}}", {})):
            with pytest.raises(ParameterProblem):
                await world.run(
                    InstanceId(joined.instance_id),
                    script=script,
                    type=CommandType.BATCH,
                    enable_parameter=True,
                    parameters=values,
                )
