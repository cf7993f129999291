"""While the store cannot be written nobody is heard; that is not their silence."""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path

import pytest

from cloudhand.core.ids import InstanceId
from cloudhand.store.instances import Instances
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


async def test_an_order_that_could_not_be_written_down_is_looked_after_soon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And until then nobody looks again and again for what is due and cannot be taken."""
    looks = 0
    next_due = Instances.next_due

    async def counted(instances: Instances) -> datetime | None:
        nonlocal looks
        looks += 1
        assert looks < 100, "it spins"
        return await next_due(instances)

    async with World(tmp_path) as world, AsyncExitStack() as away:
        instance_id = await world.instance()
        stop = world.machines.stop

        async def stopped(instance_id: InstanceId, *, force: bool) -> None:
            await stop(instance_id, force=force)
            await away.enter_async_context(world.locked())

        monkeypatch.setattr(world.machines, "stop", stopped)
        monkeypatch.setattr(Instances, "next_due", counted)
        await world.control.instances.stop([instance_id], together=False, force=False)
        await world.settle()
        monkeypatch.setattr(world.machines, "stop", stop)
        await away.aclose()
        assert await world.status(instance_id) == "Stopping"
        await world.advance(seconds=6)
        assert await world.status(instance_id) == "Stopped"
