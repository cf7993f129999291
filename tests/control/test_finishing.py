"""What somebody ends by a word: what waits for it goes on, and who was there is still believed."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloudhand.core.errors import (
    CannotFinish,
    ExecutionNotFound,
    InstanceNotFound,
    InstanceNotTargeted,
    InvocationNotFound,
)
from cloudhand.core.execution import State as ExecutionState
from cloudhand.core.file import File, FileFilter, SendOrder
from cloudhand.core.ids import ExecutionId, InstanceId, InvokeId
from cloudhand.core.invocation import RepeatMode, State
from cloudhand.core.orders import NewExecution, TaskFilter, TemplateText
from cloudhand.core.task import State as TaskState
from cloudhand.store.transaction import Transaction
from tests.machines import finish, hang, run_on
from tests.world import ALL, World

WHY, BY = "I looked", "ann"
SAID = "ann said so: I looked"


async def running(world: World, *instance_ids: InstanceId) -> InvokeId:
    world.machines.behave = run_on
    invoke_id = await world.run(*instance_ids, timeout=600)
    await world.settle()
    return invoke_id


async def end(world: World, invoke_id: InvokeId, state: State, *only: InstanceId) -> set[str]:
    finishing = world.control.finishing
    return {*await finishing.invocation(invoke_id, state, why=WHY, by=BY, only=only)}


@pytest.mark.parametrize(
    "state", [State.SUCCESS, State.FAILED, State.ERROR, State.TIMEOUT, State.TERMINATED]
)
async def test_a_command_that_runs_is_ended_by_a_word(tmp_path: Path, state: State) -> None:
    async with World(tmp_path) as world:
        instance_id = await world.instance()
        invoke_id = await running(world, instance_id)
        assert await end(world, invoke_id, state) == {instance_id}
        target = (await world.result(invoke_id)).target
        assert (target.state, target.error_info, target.inferred) == (state, SAID, True)
        assert target.error_code == "FinishedByHand"
        assert target.deadline_at is None


async def test_what_its_agent_tells_later_is_believed(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        instance_id = await world.instance()
        invoke_id = await running(world, instance_id)
        await end(world, invoke_id, State.SUCCESS)
        one = world.machine(instance_id)
        await world.machines.end(one, finish(one.running[invoke_id], 3, b"no\n"))
        view = await world.result(invoke_id)
        assert (view.target.state, view.target.exit_code) == (State.FAILED, 3)
        assert (view.target.inferred, view.output) == (False, b"no\n")


async def test_an_agent_that_starts_again_lets_it_run_to_its_end(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        instance_id = await world.instance()
        invoke_id = await running(world, instance_id)
        await end(world, invoke_id, State.FAILED)
        one = world.machine(instance_id)
        world.machines.start_agent(one)
        await world.settle()
        assert invoke_id in one.running
        await world.machines.end(one, finish(one.running[invoke_id], 0, b"done\n"))
        view = await world.result(invoke_id)
        assert (view.target.state, view.target.error_code) == (State.SUCCESS, "")


async def test_one_of_many_and_then_all_that_is_left(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        first, second, third = await world.instances(3)
        invoke_id = await running(world, first, second, third)
        await end(world, invoke_id, State.FAILED, second)
        states = await world.states(invoke_id)
        assert states == {first: "Running", second: "Failed", third: "Running"}
        assert await end(world, invoke_id, State.SUCCESS) == {first, third}
        assert (await world.states(invoke_id))[second] == "Failed"
        with pytest.raises(CannotFinish, match="it has ended"):
            await end(world, invoke_id, State.SUCCESS)


async def test_what_cannot_have_come_about_is_refused_and_nothing_is_changed(
    tmp_path: Path,
) -> None:
    async with World(tmp_path) as world:
        first, second = await world.instances(2)
        invoke_id = await running(world, first)
        with pytest.raises(CannotFinish, match="it is Running, which does not become Aborted"):
            await end(world, invoke_id, State.ABORTED)
        with pytest.raises(InstanceNotTargeted):
            await end(world, invoke_id, State.FAILED, second)
        with pytest.raises(InvocationNotFound):
            await end(world, InvokeId("t-none"), State.FAILED)
        later = await world.run(second, repeat_mode=RepeatMode.NEXT_REBOOT_ONLY)
        with pytest.raises(CannotFinish, match="it is Scheduled, which does not become Success"):
            await end(world, later, State.SUCCESS)
        assert await world.states(invoke_id) == {first: "Running"}
        assert await world.states(later) == {second: "Scheduled"}


async def test_a_file_is_ended_by_a_word(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.machines.filing = hang
        instance_id = await world.instance()
        file = File(name="motd", directory="/etc", content=b"hello")
        sent = await world.control.files.send(SendOrder(file=file, instance_ids=[instance_id]))
        await world.settle()
        with pytest.raises(CannotFinish, match="it is Running, which does not become Terminated"):
            await end(world, sent, State.TERMINATED)
        await end(world, sent, State.SUCCESS)
        (view,) = (await world.control.files.find(FileFilter(invoke_id=sent), ALL)).items
        (target,) = view.targets
        assert (target.state.value, target.error_info) == ("Success", SAID)


def run(*instance_ids: InstanceId) -> str:
    return f"""
FormatVersion: OOS-2019-06-01
Tasks:
  - Name: run
    Action: ACS::ECS::RunCommand
    Properties:
      instanceId: '{{{{ ACS::TaskLoopItem }}}}'
      commandType: RunShellScript
      commandContent: 'true'
    Loop:
      Items: [{", ".join(instance_ids)}]
      RateControl: {{Mode: Concurrency, Concurrency: 1}}
"""


async def started(world: World, text: str) -> ExecutionId:
    execution = await world.control.executions.start(
        NewExecution(template=TemplateText(content=text), by="root", account_id="1")
    )
    await world.advance(seconds=2)
    return execution.id


async def is_in(world: World, execution_id: ExecutionId, state: str) -> bool:
    return (await world.control.executions.get(execution_id)).execution.state == state


async def test_an_execution_that_waits_for_a_command_goes_on(tmp_path: Path) -> None:
    async with World(tmp_path, behave=run_on) as world:
        instance_id = await world.instance()
        execution_id = await started(world, run(instance_id))
        (invoke_id,) = world.machine(instance_id).running
        await end(world, InvokeId(invoke_id), State.SUCCESS)
        await world.until(lambda: is_in(world, execution_id, "Success"))


@pytest.mark.parametrize("state", [ExecutionState.SUCCESS, ExecutionState.FAILED])
async def test_an_execution_is_ended_with_all_that_was_started_for_it(
    tmp_path: Path, state: ExecutionState
) -> None:
    async with World(tmp_path, behave=run_on) as world:
        ids = await world.instances(3)
        execution_id = await started(world, run(*ids))
        finishing = world.control.finishing
        await finishing.execution(execution_id, state, why=WHY, by=BY)
        view = await world.control.executions.get(execution_id)
        assert (view.execution.state, view.execution.status_message) == (state, SAID)
        assert view.execution.ended_at == world.clock.now()
        wanted = TaskFilter(execution_id=execution_id, with_items=True)
        tasks = (await world.control.executions.tasks(wanted, ALL)).items
        assert {one.state for one in tasks} == {TaskState.CANCELLED}
        (loop,) = [one.loop for one in tasks if one.loop is not None]
        assert (loop.total, loop.begun, loop.active, loop.cancelled) == (3, 3, 0, 3)

        async def left(tx: Transaction) -> int:
            return len(await tx.executions.open_below(execution_id))

        assert await world.database.read(left) == 0
        # What was asked of the machine goes on, and nobody begins anything more.
        assert sum(len(world.machine(one).running) for one in ids) == 1
        await world.advance(minutes=2)
        assert sum(len(world.machine(one).ever_started) for one in ids) == 1
        with pytest.raises(CannotFinish, match="it has ended"):
            await finishing.execution(execution_id, state, why=WHY, by=BY)


async def test_of_an_execution_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        with pytest.raises(ExecutionNotFound):
            await world.control.finishing.execution(
                ExecutionId("exec-none"), ExecutionState.FAILED, why=WHY, by=BY
            )


async def test_an_instance_is_given_up_whatever_its_provider_says(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        instance_id = await world.instance()
        invoke_id = await running(world, instance_id)
        world.machines.failing = {"release", "stop"}
        await world.control.instances.release([instance_id], force=True)
        await world.advance(seconds=10)
        assert await world.status(instance_id) == "Releasing"
        await world.control.finishing.instance(instance_id, why=WHY, by=BY)
        assert await world.status(instance_id) is None
        assert (await world.result(invoke_id)).target.state is State.ERROR
        before = len(world.machines.calls)
        await world.advance(minutes=1)
        assert len(world.machines.calls) == before  # nobody asks the provider any more
        with pytest.raises(InstanceNotFound):
            await world.control.finishing.instance(InstanceId("i-none"), why=WHY, by=BY)
