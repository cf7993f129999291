"""What keeps executions from their ends."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from cloudhand.core.execution import Mode
from cloudhand.core.explanation import Cause, Owner
from cloudhand.core.ids import ExecutionId, InstanceId
from tests.explained.situation import Asked, away, deaf, execute, execution, order, situation
from tests.machines import exit_with, run_on
from tests.world import World

_HEAD = "FormatVersion: OOS-2019-06-01\nTasks:\n"


def _tasks(*tasks: str) -> str:
    return _HEAD + "".join(f"  - {task}\n" for task in tasks)


_PAUSE = _tasks("{Name: pause, Action: 'ACS::Pause'}")


def _run(instance_id: InstanceId, name: str = "run") -> str:
    given = f"instanceId: {instance_id}, commandType: RunShellScript, commandContent: 'echo hello'"
    return f"{{Name: {name}, Action: 'ACS::ECS::RunCommand', Properties: {{{given}}}}}"


def _looped(instance_ids: Sequence[InstanceId], rate: str) -> str:
    items = ", ".join(instance_ids)
    one = _run(InstanceId("'{{ ACS::TaskLoopItem }}'"))
    return f"{one[:-1]}, Loop: {{Items: [{items}], RateControl: {{{rate}}}}}}}"


@situation(Cause.PAUSE, Owner.PERSON)
async def it_waits_to_be_let_on(world: World) -> Asked:
    return execution(await execute(world, _PAUSE), at=1)


@situation(Cause.APPROVAL, Owner.PERSON)
async def it_waits_for_an_approval(world: World) -> Asked:
    given = "{Approvers: [ann], MinRequiredApprovals: 1}"
    task = f"{{Name: ask, Action: 'ACS::Approve', Properties: {given}}}"
    return execution(await execute(world, _tasks(task)), at=1)


@situation(Cause.RISK, Owner.PERSON)
async def it_makes_a_call_of_high_risk(world: World) -> Asked:
    given = "{Service: ECS, API: DeleteInstance, Parameters: {InstanceId: i-none}}"
    task = f"{{Name: drop, Action: 'ACS::ExecuteAPI', Properties: {given}}}"
    return execution(await execute(world, _tasks(task)), at=1)


@situation(Cause.FAILURE, Owner.PERSON)
async def it_failed_and_waits_for_an_answer(world: World) -> Asked:
    world.machines.behave = exit_with(3)
    text = _tasks(_run(await world.instance()))
    execution_id = await execute(world, text, mode=Mode.FAILURE_PAUSE)
    await world.advance(seconds=20)
    return execution(execution_id, at=1)


@situation(Cause.BATCH, Owner.PERSON)
async def it_waits_before_its_next_batch(world: World) -> Asked:
    task = _looped(await world.instances(2), "Mode: Batch, Batch: [1]")
    execution_id = await execute(world, _tasks(task), loop_mode="EveryBatchPause")
    await world.advance(seconds=20)
    return execution(execution_id, at=1)


@situation(Cause.TRIGGER, Owner.CLOCK)
async def it_waits_for_its_trigger(world: World) -> Asked:
    given = "{Type: cron, Expression: '0 0 3 * * ?', EndDate: '2036-01-01T00:00:00Z'}"
    trigger = f"{{Name: nightly, Action: 'ACS::TimerTrigger', Properties: {given}}}"
    wait = "{Name: wait, Action: 'ACS::Sleep', Properties: {Duration: PT1S}}"
    return execution(await execute(world, _tasks(trigger, wait)), at=1)


@situation(Cause.LOOKS_AGAIN, Owner.CLOCK)
async def it_sleeps(world: World) -> Asked:
    task = "{Name: wait, Action: 'ACS::Sleep', Properties: {Duration: PT1H}}"
    return execution(await execute(world, _tasks(task)), at=1)


@situation(Cause.RUNS, Owner.MACHINE)
async def its_command_runs(world: World) -> Asked:
    world.machines.behave = run_on
    return execution(await execute(world, _tasks(_run(await world.instance()))), at=-1)


@situation(Cause.AGENT_AWAY, Owner.AGENT)
async def the_machine_of_its_command_is_out_of_reach(world: World) -> Asked:
    world.machines.behave = run_on
    instance_id = await world.instance()
    execution_id = await execute(world, _tasks(_run(instance_id)))
    await away(world, instance_id)
    return execution(execution_id, at=-1)


@situation(Cause.NOT_FETCHED, Owner.AGENT, lasts=False)
async def nobody_fetches_its_command(world: World) -> Asked:
    instance_id = await world.instance()
    deaf(world.machine(instance_id))
    return execution(await execute(world, _tasks(_run(instance_id))), at=-1)


@situation(Cause.RUNS, Owner.MACHINE)
async def one_item_of_its_loop_runs(world: World) -> Asked:
    world.machines.behave = run_on
    ids = await world.instances(2)
    run = _looped(ids, "Mode: Concurrency, Concurrency: 1")
    return execution(await execute(world, _tasks(run)), at=-1)


@situation(Cause.PARTS, Owner.OTHERS)
async def its_loop_goes_on(world: World) -> Asked:
    world.machines.behave = run_on
    ids = await world.instances(2)
    run = _looped(ids, "Mode: Concurrency, Concurrency: 1")
    return execution(await execute(world, _tasks(run)), at=1)


@situation(Cause.ENDED, Owner.NOBODY)
async def it_is_done(world: World) -> Asked:
    execution_id = await execute(world, _tasks(_run(await world.instance())))
    await world.advance(seconds=20)
    return execution(execution_id)


@situation(Cause.ENDED, Owner.NOBODY)
async def it_has_failed(world: World) -> Asked:
    world.machines.behave = exit_with(3)
    execution_id = await execute(world, _tasks(_run(await world.instance())))
    await world.advance(seconds=20)
    return execution(execution_id)


@situation(Cause.ENDED, Owner.NOBODY)
async def somebody_cancelled_it(world: World) -> Asked:
    execution_id = await execute(world, _PAUSE)
    await world.control.executions.cancel(ExecutionId(execution_id))
    await world.advance(seconds=5)
    return execution(execution_id)


@situation(Cause.TAKEN_UP_SOON, Owner.CONTROL_PLANE, lasts=False)
async def it_has_just_been_asked_for(world: World) -> Asked:
    started = await world.control.executions.start(order(_PAUSE))
    return execution(started.id)


@situation(Cause.BEING_CANCELLED, Owner.CONTROL_PLANE, lasts=False)
async def it_has_just_been_cancelled(world: World) -> Asked:
    execution_id = await execute(world, _PAUSE)
    await world.control.executions.cancel(ExecutionId(execution_id))
    return execution(execution_id)


@situation(Cause.OVERDUE, Owner.CONTROL_PLANE, lasts=False)
async def nobody_looks_at_it(world: World) -> Asked:
    task = "{Name: wait, Action: 'ACS::Sleep', Properties: {Duration: PT1M}}"
    execution_id = await execute(world, _tasks(task))
    world.clock.move(timedelta(minutes=5))  # and no loop has looked since
    return execution(execution_id)
