"""What keeps commands and files from their ends."""

from __future__ import annotations

from datetime import timedelta

from cloudhand.core.explanation import Cause, Owner
from cloudhand.core.fault import Kind as Fault
from cloudhand.core.file import File, SendOrder
from cloudhand.core.ids import InstanceId, InvokeId
from cloudhand.core.invocation import RepeatMode
from cloudhand.core.orders import NewFault
from cloudhand.store.transaction import Transaction
from cloudhand.wire import agent as wire
from tests.explained.situation import (
    Asked,
    New,
    anywhere,
    away,
    command,
    deaf,
    is_in,
    off,
    running,
    situation,
    stop,
)
from tests.machines import exit_with, hang, run_on
from tests.sessions import beat, join
from tests.world import World

_LONG = timedelta(hours=12)


# Its agent has not fetched it.


@anywhere(Cause.AGENT_AWAY, Owner.AGENT)
async def its_agent_is_away(world: World, new: New) -> Asked:
    instance_id = await new(world)
    await away(world, instance_id)
    return command(await world.run(instance_id))


@anywhere(Cause.AGENT_AWAY, Owner.AGENT)
async def its_agent_is_away_and_is_waited_for(world: World, new: New) -> Asked:
    instance_id = await new(world)
    await away(world, instance_id)
    invoke_id = await world.run(instance_id, wait_online=_LONG)
    world.clock.move(timedelta(hours=3))
    return command(invoke_id)


@anywhere(Cause.AGENT_AWAY, Owner.AGENT)
async def its_agent_fell_silent_without_a_word(world: World, new: New) -> Asked:
    instance_id = await new(world)
    deaf(world.machine(instance_id))
    await world.advance(minutes=3)
    return command(await world.run(instance_id))


@situation(Cause.AGENT_AWAY, Owner.AGENT)
async def the_agent_of_a_managed_one_is_away(world: World) -> Asked:
    managed = await join(world)
    await away(world, managed)
    return command(await world.run(managed))


@anywhere(Cause.NOT_FETCHED, Owner.AGENT, lasts=False)
async def its_agent_does_not_fetch(world: World, new: New) -> Asked:
    instance_id = await new(world)
    deaf(world.machine(instance_id))
    return command(await world.run(instance_id))


@situation(Cause.NOT_FETCHED, Owner.AGENT, lasts=False)
async def a_published_agent_has_just_been_kicked(world: World) -> Asked:
    return command(await world.run(await join(world)))


@situation(Cause.AGENT_DEAF, Owner.AGENT, lasts=False)
async def a_published_agent_hears_no_kick(world: World) -> Asked:
    managed = await join(world)
    invoke_id = await world.run(managed)
    await world.advance(seconds=30)
    await beat(world, managed)
    return command(invoke_id)


@anywhere(Cause.AGENT_SILENCED, Owner.PERSON, lasts=False)
async def a_fault_silences_its_agent(world: World, new: New) -> Asked:
    instance_id = await new(world)
    deaf(world.machine(instance_id))
    await world.control.faults.make(NewFault(kind=Fault.OFFLINE, instance_ids=[instance_id]))
    return command(await world.run(instance_id))


@anywhere(Cause.AGENT_SILENCED, Owner.PERSON, lasts=False)
async def a_fault_silences_every_agent(world: World, new: New) -> Asked:
    instance_id = await new(world)
    deaf(world.machine(instance_id))
    await world.control.faults.make(NewFault(kind=Fault.OFFLINE))
    return command(await world.run(instance_id))


@situation(Cause.AGENT_SILENCED, Owner.PERSON, lasts=False)
async def a_fault_keeps_its_machine_from_booting(world: World) -> Asked:
    instance_id = await world.instance()
    await world.control.faults.make(NewFault(kind=Fault.NO_BOOT, instance_ids=[instance_id]))
    one = world.machine(instance_id)
    one.has_agent = False
    world.machines.restart(instance_id)
    assert await world.control.faults.silences(instance_id, one.boot_id)
    return command(await world.run(instance_id))


@situation(Cause.NO_AGENT, Owner.MACHINE)
async def no_agent_has_ever_been_there(world: World) -> Asked:
    instance_id = await world.instance()
    deaf(world.machine(instance_id))

    async def work(tx: Transaction) -> None:
        await tx.agents.remove(instance_id)

    await world.database.write(work)
    return command(await world.run(instance_id))


@situation(Cause.AGENT_CLONED, Owner.PERSON)
async def two_agents_speak_as_one(world: World) -> Asked:
    return command(await world.run(await cloned(world)))


async def cloned(world: World) -> InstanceId:
    instance_id = await world.instance()
    deaf(world.machine(instance_id))

    async def work(tx: Transaction) -> None:
        await tx.agents.cloned(instance_id, at=world.clock.now())

    await world.database.write(work)
    return instance_id


@situation(Cause.MACHINE_STOPPED, Owner.PERSON)
async def its_machine_is_stopped(world: World) -> Asked:
    instance_id = await world.instance()
    await stop(world, instance_id)
    return command(await world.run(instance_id, wait_online=_LONG))


async def _waits_for_its_start(world: World, *, failing: str = "") -> InvokeId:
    """What was asked of a machine that is stopped, and is being started."""
    instance_id = await off(world, failing=failing)
    invoke_id = await world.run(instance_id, wait_online=_LONG)
    await world.control.instances.start([instance_id], together=True)
    await world.advance(seconds=5)
    return invoke_id


@situation(Cause.MACHINE_STARTS, Owner.CONTROL_PLANE)
async def its_machine_starts(world: World) -> Asked:
    return command(await _waits_for_its_start(world))


@situation(Cause.PROVIDER_FAILS, Owner.CONTROL_PLANE)
async def its_machine_cannot_be_started(world: World) -> Asked:
    return command(await _waits_for_its_start(world, failing="start"))


@situation(Cause.PROVIDER_FAILS, Owner.CONTROL_PLANE)
async def its_machine_cannot_be_made_ready(world: World) -> Asked:
    return command(await _waits_for_its_start(world, failing="create"))


# Its agent has it.


@anywhere(Cause.RUNS, Owner.MACHINE)
async def its_script_runs(world: World, new: New) -> Asked:
    world.machines.behave = run_on
    return command(await running(world, await new(world), timeout=600))


@anywhere(Cause.RUNS, Owner.MACHINE)
async def its_script_has_run_for_hours(world: World, new: New) -> Asked:
    world.machines.behave = run_on
    instance_id = await new(world)
    invoke_id = await running(world, instance_id, timeout=86_400)
    world.clock.move(timedelta(hours=5))
    await world.machines.beat(world.machine(instance_id))
    return command(invoke_id)


@anywhere(Cause.AGENT_AWAY, Owner.AGENT)
async def its_agent_left_while_it_runs(world: World, new: New) -> Asked:
    world.machines.behave = run_on
    instance_id = await new(world)
    invoke_id = await running(world, instance_id, timeout=600)
    await away(world, instance_id)
    return command(invoke_id)


@anywhere(Cause.AGENT_SILENCED, Owner.PERSON, lasts=False)
async def a_fault_struck_while_it_runs(world: World, new: New) -> Asked:
    world.machines.behave = run_on
    instance_id = await new(world)
    invoke_id = await running(world, instance_id, timeout=600)
    await world.control.faults.make(NewFault(kind=Fault.OFFLINE, instance_ids=[instance_id]))
    return command(invoke_id)


@anywhere(Cause.AGENT_CLONED, Owner.PERSON)
async def its_machine_was_copied_while_it_runs(world: World, new: New) -> Asked:
    world.machines.behave = run_on
    instance_id = await new(world)
    invoke_id = await running(world, instance_id, timeout=600)

    async def work(tx: Transaction) -> None:
        await tx.agents.cloned(instance_id, at=world.clock.now())

    await world.database.write(work)
    return command(invoke_id)


@situation(Cause.MACHINE_STOPPED, Owner.PERSON)
async def its_machine_lost_its_power_while_it_runs(world: World) -> Asked:
    world.machines.behave = run_on
    instance_id = await world.instance()
    invoke_id = await running(world, instance_id, timeout=600)
    world.machines.power_off(instance_id)
    await world.advance(seconds=12)
    assert await is_in(world, instance_id, "Stopped")
    return command(invoke_id)


@anywhere(Cause.TIME_IS_OVER, Owner.AGENT, lasts=False)
async def its_time_is_over(world: World, new: New) -> Asked:
    world.machines.behave = run_on
    invoke_id = await running(world, await new(world), timeout=30)
    await world.advance(seconds=40)
    return command(invoke_id)


async def _is_to_be_stopped(world: World, new: New, *, there: bool) -> InvokeId:
    world.machines.behave = run_on
    instance_id = await new(world)
    invoke_id = await running(world, instance_id)
    if there:
        deaf(world.machine(instance_id))
    else:
        await away(world, instance_id)
    await world.control.invocations.stop(invoke_id)
    return invoke_id


@anywhere(Cause.BEING_STOPPED, Owner.AGENT, lasts=False)
async def its_agent_is_to_stop_it(world: World, new: New) -> Asked:
    return command(await _is_to_be_stopped(world, new, there=True))


@anywhere(Cause.AGENT_AWAY, Owner.AGENT)
async def nobody_is_there_to_stop_it(world: World, new: New) -> Asked:
    return command(await _is_to_be_stopped(world, new, there=False))


async def _fetched(world: World, instance_id: InstanceId) -> InvokeId:
    """Handed to its agent, which has not said that it began."""
    deaf(world.machine(instance_id))
    invoke_id = await world.run(instance_id)
    speaker = await world.machines.speaker(world.machine(instance_id))
    await world.control.deliveries.fetch(speaker, wire.Fetch(reason="kickoff"))
    return invoke_id


@anywhere(Cause.NOT_BEGUN, Owner.AGENT, lasts=False)
async def its_agent_has_not_begun_it(world: World, new: New) -> Asked:
    return command(await _fetched(world, await new(world)))


@anywhere(Cause.AGENT_AWAY, Owner.AGENT)
async def its_agent_left_with_it(world: World, new: New) -> Asked:
    instance_id = await new(world)
    invoke_id = await _fetched(world, instance_id)
    await away(world, instance_id)
    return command(invoke_id)


@anywhere(Cause.MACHINE_FULL, Owner.MACHINE, lasts=False)
async def ten_others_run_there(world: World, new: New) -> Asked:
    world.machines.behave = run_on
    instance_id = await new(world)
    for _ in range(10):
        await running(world, instance_id)
    return command(await _fetched(world, instance_id))


# It comes later.


@anywhere(Cause.NEXT_MOMENT, Owner.CLOCK)
async def its_next_run_is_to_come(world: World, new: New) -> Asked:
    order = {"repeat_mode": RepeatMode.PERIOD, "frequency": "0 0 3 * * ?"}
    return command(await world.run(await new(world), **order))


@anywhere(Cause.NEXT_BOOT, Owner.MACHINE)
async def it_runs_at_the_next_start(world: World, new: New) -> Asked:
    mode = RepeatMode.NEXT_REBOOT_ONLY
    return command(await world.run(await new(world), repeat_mode=mode))


@anywhere(Cause.NEXT_BOOT, Owner.MACHINE)
async def it_runs_at_every_start(world: World, new: New) -> Asked:
    mode = RepeatMode.EVERY_REBOOT
    return command(await world.run(await new(world), repeat_mode=mode))


# It is over.


@anywhere(Cause.ENDED, Owner.NOBODY)
async def it_succeeded(world: World, new: New) -> Asked:
    return command(await running(world, await new(world)))


@anywhere(Cause.ENDED, Owner.NOBODY)
async def it_failed(world: World, new: New) -> Asked:
    world.machines.behave = exit_with(3)
    return command(await running(world, await new(world)))


@anywhere(Cause.ENDED, Owner.NOBODY)
async def it_was_cancelled(world: World, new: New) -> Asked:
    instance_id = await new(world)
    deaf(world.machine(instance_id))
    invoke_id = await world.run(instance_id)
    await world.control.invocations.stop(invoke_id)
    return command(invoke_id)


@anywhere(Cause.ENDED, Owner.NOBODY)
async def nobody_fetched_it_in_time(world: World, new: New) -> Asked:
    instance_id = await new(world)
    deaf(world.machine(instance_id))
    invoke_id = await world.run(instance_id)
    await world.until(lambda: world.ended(invoke_id))
    return command(invoke_id)


@anywhere(Cause.ENDED, Owner.NOBODY)
async def nobody_said_how_it_ended(world: World, new: New) -> Asked:
    world.machines.behave = run_on
    instance_id = await new(world)
    invoke_id = await running(world, instance_id, timeout=30)
    deaf(world.machine(instance_id))
    await world.until(lambda: world.ended(invoke_id))
    return command(invoke_id)


# Files


async def _sent(world: World, instance_id: InstanceId) -> InvokeId:
    file = File(name="motd", directory="/etc", content=b"hello\n")
    return await world.control.files.send(SendOrder(file=file, instance_ids=[instance_id]))


@anywhere(Cause.NOT_FETCHED, Owner.AGENT, lasts=False)
async def nobody_has_fetched_the_file(world: World, new: New) -> Asked:
    instance_id = await new(world)
    deaf(world.machine(instance_id))
    return command(await _sent(world, instance_id))


@anywhere(Cause.AGENT_AWAY, Owner.AGENT)
async def who_is_sent_a_file_is_away(world: World, new: New) -> Asked:
    instance_id = await new(world)
    await away(world, instance_id)
    return command(await _sent(world, instance_id))


@anywhere(Cause.RUNS, Owner.AGENT)
async def the_file_is_being_written(world: World, new: New) -> Asked:
    world.machines.filing = hang
    invoke_id = await _sent(world, await new(world))
    await world.settle()
    return command(invoke_id)


@anywhere(Cause.ENDED, Owner.NOBODY)
async def the_file_is_there(world: World, new: New) -> Asked:
    invoke_id = await _sent(world, await new(world))
    await world.settle()
    return command(invoke_id)
