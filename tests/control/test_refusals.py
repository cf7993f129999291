"""Machines that refuse by rules of their own, told from a caller's side."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from cloudhand.control.speaker import Speaker
from cloudhand.core.audit import RecordFilter
from cloudhand.core.errors import IncorrectState
from cloudhand.core.ids import InstanceId
from cloudhand.core.instance import Beat
from cloudhand.core.page import Window
from cloudhand.core.power import State as PowerState
from cloudhand.wire import agent as wire
from tests.machines import Machine, exit_with, finish
from tests.sessions import agent_of, connection, join, start
from tests.world import ALL, World

RULE = "/etc/cloudhand/agent.toml, line 4: power = false"


def stays(machine: Machine, task: wire.Task) -> wire.Report:
    """What our agent says of exit code 194 on a machine that does not restart for it."""
    why = f"the machine refuses to restart: {RULE}"
    return replace(finish(task, 194, b"bye\n"), power="", refusal=why)


def refuses(machine: Machine, task: wire.Task) -> wire.Report:
    return wire.Report(
        kind=wire.INVALID, task_id=task.task_id, param="RefusedByMachine", value=RULE
    )


async def told(world: World, instance_id: InstanceId) -> dict[str, str]:
    page = await world.control.agents.statuses([instance_id], Window(limit=1))
    agent = page.items[0].agent
    assert agent is not None
    return dict(agent.refusals)


async def test_what_is_refused_ends_and_names_the_rule(tmp_path: Path) -> None:
    async with World(tmp_path, behave=refuses) as world:
        invoke_id = await world.run(await world.instance())
        await world.until(lambda: world.ended(invoke_id))
        target = (await world.result(invoke_id)).target
        said = (target.state, target.error_code, target.error_info)
        assert said == ("Invalid", "RefusedByMachine", RULE)


@pytest.mark.parametrize("restart", [False, True], ids=["undisturbed", "control plane restarted"])
async def test_a_restart_that_is_refused_is_never_told_as_one(
    tmp_path: Path, restart: bool
) -> None:
    async with World(tmp_path, behave=stays) as world:
        instance_id = await world.instance()
        boots = world.machine(instance_id).boots
        invoke_id = await world.run(instance_id)
        await world.until(lambda: world.ended(invoke_id))
        if restart:
            await world.restart()
        view = await world.result(invoke_id)
        assert (view.target.state, view.target.exit_code) == ("Failed", 194)
        assert (view.target.error_code, view.output) == ("RefusedByMachine", b"bye\n")
        assert view.target.error_info == (
            f"exit code 194 asks for a restart; the machine refuses to restart: {RULE}"
        )
        action = view.power_action
        assert action is not None
        assert (action.state, action.deadline_at) == (PowerState.REFUSED, None)
        assert (action.done_at, action.boot_id_after) == (None, None)
        assert await world.status(instance_id) == "Running"
        await world.advance(minutes=10)
        assert world.machine(instance_id).boots == boots
        assert await world.status(instance_id) == "Running"
        assert (await world.result(invoke_id)).power_action == action
        (link,), _ = await world.control.audit.find(
            RecordFilter(action="power:*"), limit=9, oldest_first=True
        )
        assert (link.record["action"], link.record["outcome"]) == ("power:restart", "Refused")


async def test_each_beat_says_what_is_refused_now(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        instance_id = await world.instance()
        machine = world.machine(instance_id)
        assert await told(world, instance_id) == {}
        machine.refusals = {"stop": RULE}
        await world.machines.beat(machine)
        assert await told(world, instance_id) == {"stop": RULE}
        await world.restart()
        assert await told(world, instance_id) == {"stop": RULE}
        machine.refusals = {}
        await world.machines.beat(machine)
        assert await told(world, instance_id) == {}


async def test_a_session_to_a_machine_that_refuses_them_says_so(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        instance_id = await world.instance()
        machine = world.machine(instance_id)
        machine.refusals = {"sessions": RULE}
        await world.machines.beat(machine)
        found = await connection(world, (await start(world, instance_id)).id)
        assert (found.state, found.closed_reason, found.detail) == (
            "Failed",
            "RefusedByMachine",
            RULE,
        )


async def test_a_restart_that_an_operation_asks_for_is_refused_at_once(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        managed = await join(world)
        said = Beat(
            boot_id=None,
            pid=7,
            uptime=None,
            process_uptime=timedelta(minutes=1),
            cold_start=False,
            refusals={"restart": RULE},
        )
        speaker = Speaker(agent=await agent_of(world, managed), boot_id=None)
        await world.control.agents.beat(speaker, said, version="")
        instances = world.control.instances
        with pytest.raises(IncorrectState) as error:
            await instances.reboot([managed], force=False, together=True)
        assert str(error.value) == (
            f"cannot restart {managed}: it is under rules of its own: {RULE}"
        )
        (changed,) = await instances.stop([managed], force=False, together=True)
        assert changed.error is None  # of stops it said nothing


async def test_a_machine_may_come_to_refuse_while_it_waits_for_its_turn(tmp_path: Path) -> None:
    async with World(tmp_path, behave=exit_with(194)) as world:
        one = await world.instance()
        await world.control.governor.set_group("all")
        token = await world.control.governor.reset_token("all")
        await world.control.governor.lock("all", token, "another")
        invoke_id = await world.run(one)
        await world.settle()
        machine = world.machine(one)
        (held,) = machine.unacknowledged.values()
        assert (await world.result(invoke_id)).power_action.state is PowerState.HELD  # type: ignore[union-attr]

        ack = await world.machines.say(machine, replace(held, power="", refusal="it may not"))

        assert ack.refused
        after = await world.result(invoke_id)
        assert after.power_action is not None
        assert (after.power_action.state, after.power_action.reason) == (
            PowerState.REFUSED,
            "it may not",
        )
        assert (after.target.state, after.target.exit_code) == ("Success", 194)
        page = await world.control.governor.slots("all", ALL, ended=False)
        assert [view.slot.holder for view in page.items] == ["another"]
