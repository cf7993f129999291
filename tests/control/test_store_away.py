"""While the store cannot be written nobody is heard; that is not their silence."""

from __future__ import annotations

from pathlib import Path

from tests.machines import finish, run_on
from tests.world import World


async def test_a_store_that_was_away_gives_agents_time_to_come_back(tmp_path: Path) -> None:
    async with World(tmp_path, behave=run_on) as world:
        instance_id = await world.instance()
        invoke_id = await world.run(instance_id)
        machine = world.machine(instance_id)
        await world.until(lambda: bool(machine.running))
        task = machine.running[invoke_id]
        machine.connected = False

        async with world.locked():
            await world.advance(minutes=10)

        await world.advance(seconds=20)
        assert not await world.ended(invoke_id)
        machine.connected = True
        await world.machines.end(machine, finish(task, 0, b"done\n"))
        assert await world.states(invoke_id) == {instance_id: "Success"}


async def test_whoever_does_not_come_back_then_is_not_waited_for(tmp_path: Path) -> None:
    async with World(tmp_path, behave=run_on) as world:
        instance_id = await world.instance()
        invoke_id = await world.run(instance_id)
        machine = world.machine(instance_id)
        await world.until(lambda: bool(machine.running))
        machine.connected = False

        async with world.locked():
            await world.advance(minutes=10)

        await world.until(lambda: world.ended(invoke_id), at_most=70)
        assert (await world.result(invoke_id)).target.inferred
