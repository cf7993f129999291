"""An interruption that is told while two agents seem to speak as one."""

from __future__ import annotations

from pathlib import Path

from cloudhand.core.invocation import State
from tests.machines import run_on
from tests.world import World


async def test_it_is_heard_once_they_do_not_any_more(tmp_path: Path) -> None:
    """If there was no other one after all, nobody else can tell how the command ended."""
    async with World(tmp_path, behave=run_on) as world:
        instance_id = await world.instance()
        machine = world.machine(instance_id)
        invoke_id = await world.run(instance_id, timeout=3600)
        await world.settle()
        now = world.clock.now()
        await world.database.write(lambda tx: tx.agents.cloned(instance_id, at=now))

        world.machines.restart(instance_id)
        await world.settle()
        assert (await world.result(invoke_id)).target.state is State.RUNNING
        assert machine.unacknowledged, "it was taken note of, and forgotten"

        await world.advance(minutes=4)
        world.machines.start_agent(machine)
        await world.settle()
        target = (await world.result(invoke_id)).target
        assert (target.state, target.error_code) == (State.ERROR, "InstanceRestarted")
        assert not machine.unacknowledged
