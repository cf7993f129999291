"""Instances that are made and left off, and what is changed of them meanwhile."""

from __future__ import annotations

from pathlib import Path

from cloudhand.core.ids import InstanceId
from cloudhand.core.orders import InstanceChange, NewInstances
from tests.world import World


async def _left_off(world: World) -> InstanceId:
    order = NewInstances(
        amount=1,
        region_id=world.settings.region_id,
        zone_id=world.settings.zone_ids[0],
        starts=False,
    )
    (made,) = await world.control.instances.create(order)
    return made


async def test_an_instance_that_is_left_off_stays_so_over_restarts(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.machines.failing = {"create"}
        made = await _left_off(world)
        await world.until(lambda: _tried(world, "create"))
        await world.restart()
        assert await world.status(made) == "Pending"
        world.machines.failing = set()
        await world.until(lambda: world._all_in([made], "Stopped"))
        await world.restart()
        await world.advance(minutes=5)
        assert await world.status(made) == "Stopped"
        assert world.machine(made).boots == 0


async def _tried(world: World, call: str) -> bool:
    return any(one.startswith(call) for one in world.machines.calls)


async def test_a_change_stands_in_the_way_of_no_order(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        made = await _left_off(world)
        control = world.control.instances
        await control.modify(made, InstanceChange(description="while it is made"))
        await world.until(lambda: world._all_in([made], "Stopped"))
        await control.start([made], together=True)
        await control.modify(made, InstanceChange(name="while it starts"))
        await world.until(lambda: world._all_in([made], "Running"))
        instance = (await control.get(made)).instance
        assert (instance.name, instance.description) == ("while it starts", "while it is made")
        assert world.machine(made).boots == 1
