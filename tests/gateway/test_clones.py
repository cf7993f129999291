"""Two agents with one identity: a machine was copied, or the state of its agent."""

from __future__ import annotations

import json
from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric import rsa

from cloudhand.core.ids import InstanceId, InvokeId
from cloudhand.core.invocation import State
from cloudhand.wire import agent as wire
from cloudhand.wire.standing import Standing
from tests.gateway.plane import OurSigner, Plane, Visitor
from tests.world import ALL

_HOUR = 3_600_000  # ms


async def _cloned(plane: Plane, visitor: Visitor) -> bool:
    page = await plane.world.control.agents.statuses([InstanceId(visitor.instance_id)], ALL)
    return page.items[0].cloned


async def _pair(plane: Plane) -> tuple[Visitor, Visitor]:
    """One of our agents, and its copy on another machine; neither has spoken."""
    first = await plane.ours(boot_id="boot-1")
    assert isinstance(first.signer, OurSigner)
    return first, replace(first, signer=replace(first.signer, boot_id="boot-2"), sent=[])


async def _start(visitor: Visitor) -> None:
    await visitor.beat(process_uptime=0, pid=_pid(visitor))
    await _inventory(visitor)


async def _inventory(visitor: Visitor, *running: str) -> wire.Orders:
    said = wire.Inventory(boot_id=_boot_id(visitor), running=running).to_json()
    answer = await visitor.ask("POST", wire.INVENTORY_PATH, "", json.dumps(said).encode())
    return wire.Orders.from_json(answer.json())


def _pid(visitor: Visitor) -> int:
    return int(_boot_id(visitor)[-1])


def _boot_id(visitor: Visitor) -> str:
    assert isinstance(visitor.signer, OurSigner)
    return visitor.signer.boot_id


async def _running(plane: Plane, visitor: Visitor) -> InvokeId:
    invoke_id = await plane.run(visitor)
    await visitor.fetch(taskId=invoke_id)
    await visitor.say(wire.RUNNING, invoke_id, start=1_000)
    return invoke_id


async def test_an_agent_that_ran_while_another_beat_in_its_name_is_two(plane: Plane) -> None:
    first, second = await _pair(plane)
    await _start(first)
    await plane.world.advance(seconds=60)
    await _start(second)
    assert not await _cloned(plane, first)

    await plane.world.advance(seconds=1)
    await first.beat(process_uptime=61_000, pid=_pid(first))

    assert await _cloned(plane, first)
    told = (await first.ask("GET", wire.STATUS_PATH)).json()
    assert Standing.from_json(told) == Standing(online=True, cloned=True)
    await plane.world.advance(minutes=2)
    await first.beat(process_uptime=181_000, pid=_pid(first))
    assert await _cloned(plane, first)
    await plane.world.advance(minutes=1)
    assert not await _cloned(plane, first)


async def test_an_agent_that_starts_again_is_one(plane: Plane) -> None:
    first, second = await _pair(plane)
    for visitor in (first, first, second, second):
        await _start(visitor)
        await plane.world.advance(seconds=6)
        await visitor.beat(process_uptime=6_000, pid=_pid(visitor))
        assert not await _cloned(plane, visitor)


async def test_the_start_of_a_copy_takes_no_result_from_the_other(plane: Plane) -> None:
    """At first it looks as a restart does, which the other one then disproves."""
    first, second = await _pair(plane)
    await _start(first)
    invoke_id = await _running(plane, first)
    await plane.world.advance(seconds=10)
    await _start(second)
    target = (await plane.result(invoke_id)).target
    assert (target.state, target.error_code) == (State.ERROR, "InstanceRestarted")

    assert not (await first.say(wire.RUNNING, invoke_id, b"so far ", start=1_000))["stop"]
    orders = await _inventory(first, invoke_id)
    assert orders.stop == ()
    await first.say(wire.FINISH, invoke_id, b"and on", start=1_000, end=2_000, exitCode=0)

    view = await plane.result(invoke_id)
    assert (view.target.state, view.target.error_code) == (State.SUCCESS, "")
    assert view.output == b"so far and on"


async def test_what_a_copy_found_in_the_journal_is_taken_back(plane: Plane) -> None:
    first, second = await _pair(plane)
    await _start(first)
    invoke_id = await _running(plane, first)
    await second.beat(process_uptime=0, pid=_pid(second))
    await second.say(wire.INTERRUPTED, invoke_id, errCode="InstanceRestarted")
    assert (await plane.result(invoke_id)).target.state is State.ERROR

    await first.say(wire.FINISH, invoke_id, start=1_000, end=2_000, exitCode=0)

    assert (await plane.result(invoke_id)).target.state is State.SUCCESS


async def test_nothing_is_concluded_from_the_boots_of_two(plane: Plane) -> None:
    first, second = await _pair(plane)
    await _start(first)
    await _start(second)
    await plane.world.advance(seconds=60)
    await first.beat(process_uptime=60_000, pid=_pid(first))
    await second.beat(process_uptime=60_000, pid=_pid(second))
    mine, other = [await _running(plane, first) for _ in range(2)]

    await _start(second)
    await second.say(wire.INTERRUPTED, mine, errCode="InstanceRestarted")

    for invoke_id in (mine, other):
        assert (await plane.result(invoke_id)).target.state is State.RUNNING
    # Of its own boot an agent knows.
    await _start(first)
    target = (await plane.result(mine)).target
    assert (target.state, target.error_code) == (State.ERROR, "ExecutionInterrupted")


async def test_a_published_agent_and_its_copy_restart_nothing_in_turn(
    plane: Plane, rsa_key: rsa.RSAPrivateKey
) -> None:
    first = await plane.published(rsa_key)
    second = replace(first, sent=[])
    await second.beat(uptime=_HOUR, process_uptime=_HOUR, pid=7)
    await plane.world.advance(seconds=10)
    await first.beat(uptime=2 * _HOUR, process_uptime=_HOUR, pid=7)
    assert await _cloned(plane, first)
    invoke_id = await plane.run(first)
    await first.fetch(taskId=invoke_id)
    await first.say(wire.RUNNING, invoke_id, start=1_000)

    for _ in range(3):
        await plane.world.advance(seconds=10)
        await first.beat(uptime=2 * _HOUR, process_uptime=_HOUR, pid=7)
        await plane.world.advance(seconds=10)
        await second.beat(uptime=_HOUR, process_uptime=0, pid=8)

    assert (await plane.result(invoke_id)).target.state is State.RUNNING


async def test_a_machine_that_was_held_for_a_while_has_not_restarted(
    plane: Plane, rsa_key: rsa.RSAPrivateKey
) -> None:
    visitor = await plane.published(rsa_key)
    await visitor.beat(uptime=2 * _HOUR, process_uptime=_HOUR)
    invoke_id = await plane.run(visitor, timeout=3_600)
    await visitor.fetch(taskId=invoke_id)
    await visitor.say(wire.RUNNING, invoke_id, start=1_000)
    await plane.world.advance(minutes=10)

    await visitor.beat(uptime=2 * _HOUR, process_uptime=_HOUR)

    assert (await plane.result(invoke_id)).target.state is State.RUNNING
    assert not await _cloned(plane, visitor)
