"""Agents that are not heard on purpose."""

from __future__ import annotations

from dataclasses import replace

import pytest
from websockets.exceptions import ConnectionClosed

from cloudhand.core.fault import Kind
from cloudhand.core.ids import FaultId, InstanceId
from cloudhand.core.orders import NewFault
from tests.gateway.plane import OurSigner, Plane, Visitor


@pytest.fixture
async def agent(plane: Plane) -> Visitor:
    agent = await plane.ours(boot_id="boot-1")
    await agent.beat()
    return agent


async def make(plane: Plane, kind: Kind, *ids: str, value: int = 0) -> FaultId:
    order = NewFault(kind=kind, instance_ids=[InstanceId(one) for one in ids], value=value)
    return (await plane.world.control.faults.make(order)).id


async def heard(agent: Visitor) -> bool:
    status = (await agent.beat()).status_code
    assert status in (200, 503)
    return status == 200


def in_boot(agent: Visitor, boot_id: str) -> Visitor:
    assert isinstance(agent.signer, OurSigner)
    return replace(agent, signer=replace(agent.signer, boot_id=boot_id))


async def test_what_an_agent_says_is_not_heard_until_the_fault_is_taken_away(
    plane: Plane, agent: Visitor
) -> None:
    other = await plane.ours(boot_id="boot-1")
    made = await make(plane, Kind.OFFLINE, agent.instance_id)
    assert not await heard(agent)
    assert await heard(other)
    plane.world.control.faults.take_away([made])
    assert await heard(agent)


async def test_its_channel_is_cut_and_opens_for_nobody_to_use(plane: Plane, agent: Visitor) -> None:
    async with agent.channel() as channel:
        await plane.until(lambda: plane.channel.open_count == 1)
        await make(plane, Kind.OFFLINE, agent.instance_id)
        with pytest.raises(ConnectionClosed):
            await channel.recv()
    with pytest.raises(ConnectionClosed):  # and no refusal, which a published agent minds
        async with agent.channel() as channel:
            await channel.recv()


async def test_it_is_not_heard_for_a_while_after_a_boot(plane: Plane, agent: Visitor) -> None:
    await make(plane, Kind.SLOW_BOOT, agent.instance_id, value=30)
    assert await heard(agent)  # in the boot in which it was heard
    again = in_boot(agent, "boot-2")
    assert not await heard(again)
    await plane.world.advance(seconds=29)
    assert not await heard(again)
    await plane.world.advance(seconds=2)
    assert await heard(again)


async def test_it_is_not_heard_at_all_after_its_next_boot(plane: Plane, agent: Visitor) -> None:
    made = await make(plane, Kind.NO_BOOT)
    again = in_boot(agent, "boot-2")
    assert await heard(agent)
    await plane.world.advance(hours=1)
    assert not await heard(again)
    plane.world.control.faults.take_away([made])
    assert await heard(again)
