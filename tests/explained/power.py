"""What keeps machines, and their restarts, from getting on."""

from __future__ import annotations

from datetime import timedelta

from cloudhand.core.explanation import Cause, Owner
from cloudhand.core.fault import Kind as Fault
from cloudhand.core.governor import Budget
from cloudhand.core.ids import InstanceId, InvokeId
from cloudhand.core.orders import NewFault
from tests.explained.commands import cloned
from tests.explained.situation import (
    Asked,
    away,
    command,
    deaf,
    is_in,
    machine,
    off,
    running,
    situation,
    stop,
)
from tests.machines import exit_with, finish, run_on
from tests.sessions import own_machine
from tests.world import World

_RESTART = exit_with(194)


@situation(Cause.NOTHING, Owner.NOBODY)
async def a_machine_is_well(world: World) -> Asked:
    return machine(await world.instance())


@situation(Cause.NOTHING, Owner.NOBODY)
async def a_managed_one_is_well(world: World) -> Asked:
    return machine((await own_machine(world, "well")).instance_id)


@situation(Cause.MACHINE_STOPPED, Owner.PERSON)
async def a_machine_is_stopped(world: World) -> Asked:
    instance_id = await world.instance()
    await stop(world, instance_id)
    return machine(instance_id)


@situation(Cause.MACHINE_STOPPED, Owner.PERSON)
async def a_machine_stopped_by_itself(world: World) -> Asked:
    instance_id = await world.instance()
    world.machines.power_off(instance_id)
    await world.advance(seconds=12)
    return machine(instance_id)


async def _is_being_started(world: World, *, failing: str = "") -> InstanceId:
    instance_id = await off(world, failing=failing)
    await world.control.instances.start([instance_id], together=True)
    await world.advance(seconds=5)
    return instance_id


@situation(Cause.MACHINE_STARTS, Owner.CONTROL_PLANE)
async def a_machine_starts(world: World) -> Asked:
    return machine(await _is_being_started(world))


@situation(Cause.PROVIDER_FAILS, Owner.CONTROL_PLANE)
async def a_machine_cannot_be_started(world: World) -> Asked:
    return machine(await _is_being_started(world, failing="start"))


@situation(Cause.PROVIDER_FAILS, Owner.CONTROL_PLANE)
async def a_machine_cannot_be_stopped(world: World) -> Asked:
    instance_id = await world.instance()
    world.machines.failing.add("stop")
    await world.control.instances.stop([instance_id], force=False, together=True, by="ann")
    await world.advance(seconds=5)
    return machine(instance_id)


@situation(Cause.PROVIDER_FAILS, Owner.CONTROL_PLANE)
async def a_machine_cannot_be_released(world: World) -> Asked:
    instance_id = await world.instance()
    await stop(world, instance_id)
    world.machines.failing.add("release")
    await world.control.instances.release([instance_id], force=True)
    await world.advance(seconds=5)
    return machine(instance_id)


@situation(Cause.MACHINE_RESTARTS, Owner.CONTROL_PLANE)
async def a_machine_does_not_come_back(world: World) -> Asked:
    instance_id = await world.instance()
    world.machine(instance_id).has_agent = False
    await world.control.instances.reboot([instance_id], force=False, together=True, by="ann")
    await world.advance(seconds=90)
    return machine(instance_id)


@situation(Cause.AGENT_AWAY, Owner.AGENT)
async def the_agent_of_a_machine_is_away(world: World) -> Asked:
    instance_id = await world.instance()
    await away(world, instance_id)
    return machine(instance_id)


@situation(Cause.AGENT_AWAY, Owner.AGENT)
async def the_agent_of_a_machine_of_one_s_own_is_away(world: World) -> Asked:
    one = await own_machine(world, "away")
    await away(world, one.instance_id)
    return machine(one.instance_id)


@situation(Cause.AGENT_SILENCED, Owner.PERSON, lasts=False)
async def a_fault_silences_a_machine(world: World) -> Asked:
    instance_id = await world.instance()
    deaf(world.machine(instance_id))
    await world.control.faults.make(NewFault(kind=Fault.OFFLINE, instance_ids=[instance_id]))
    return machine(instance_id)


@situation(Cause.AGENT_CLONED, Owner.PERSON)
async def a_machine_was_copied(world: World) -> Asked:
    return machine(await cloned(world))


@situation(Cause.ENDED, Owner.NOBODY)
async def a_machine_is_no_more(world: World) -> Asked:
    instance_id = await world.instance()
    await world.control.instances.release([instance_id], force=True)
    await world.until(lambda: is_in(world, instance_id, None))
    return machine(instance_id)


# What a command asked for by its exit code


async def lost(world: World) -> InstanceId:
    """A machine that restarts, and does not come back; it holds the one slot there is."""
    await world.control.governor.set_group("all", budget=Budget(number=1), counts_offline=False)
    instance_id = await world.instance()
    await ends_with_194(world, instance_id)
    return instance_id


async def ends_with_194(world: World, instance_id: InstanceId) -> InvokeId:
    """Its machine restarts, and no agent of it is heard again."""
    one = world.machine(instance_id)
    world.machines.behave = run_on
    invoke_id = await running(world, instance_id)
    one.has_agent = False
    (task,) = one.running.values()
    report = _RESTART(one, task)
    assert report is not None
    await world.machines.end(one, report)
    return invoke_id


@situation(Cause.TURN, Owner.GOVERNOR)
async def another_one_restarts(world: World) -> Asked:
    await lost(world)
    second = await world.instance()
    world.machines.behave = _RESTART
    return command(await running(world, second), at=1)


@situation(Cause.TURN, Owner.GOVERNOR)
async def a_machine_waits_for_its_turn(world: World) -> Asked:
    await lost(world)
    second = await world.instance()
    world.machines.behave = _RESTART
    await running(world, second)
    return machine(second, at=1)


@situation(Cause.TURN, Owner.GOVERNOR)
async def one_that_was_ordered_to_restart_waits_for_its_turn(world: World) -> Asked:
    await lost(world)
    second = await world.instance()
    await world.control.instances.reboot([second], force=False, together=True, by="ann")
    await world.advance(seconds=3)
    return machine(second)


@situation(Cause.MACHINE_RESTARTS, Owner.CONTROL_PLANE)
async def it_restarts_by_its_exit_code(world: World) -> Asked:
    instance_id = await world.instance()
    await ends_with_194(world, instance_id)
    await world.advance(seconds=5)
    return machine(instance_id)


async def _told_to_restart(world: World, name: str, code: int = 194) -> tuple[InstanceId, InvokeId]:
    """A machine of one's own that says it will restart or stop, and stays."""
    one = await own_machine(world, name)
    world.machines.behave = run_on
    invoke_id = await running(world, one.instance_id)
    (task,) = one.running.values()
    await world.machines.say(one, finish(task, code, b""))
    return one.instance_id, invoke_id


@situation(Cause.MACHINE_RESTARTS, Owner.MACHINE)
async def a_machine_of_one_s_own_is_to_restart(world: World) -> Asked:
    _, invoke_id = await _told_to_restart(world, "restarts")
    return command(invoke_id, at=1)


@situation(Cause.MACHINE_STOPS, Owner.MACHINE)
async def a_machine_of_one_s_own_is_to_stop(world: World) -> Asked:
    _, invoke_id = await _told_to_restart(world, "stops", 193)
    return command(invoke_id, at=1)


@situation(Cause.NOT_MOVED, Owner.PERSON)
async def a_machine_of_one_s_own_does_not_move(world: World) -> Asked:
    instance_id, invoke_id = await _told_to_restart(world, "stays")
    world.clock.move(timedelta(minutes=3))
    await world.machines.beat(world.machine(instance_id))
    return command(invoke_id, at=1)
