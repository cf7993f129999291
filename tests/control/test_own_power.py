"""Machines of one's own are stopped and restarted by their agents, like by an exit code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cloudhand.core.errors import IncorrectState, InstanceNotFound
from cloudhand.core.ids import InstanceId
from cloudhand.core.orders import Changed, InvocationFilter, InvocationView
from tests.sessions import beat, join
from tests.world import ALL, World

HONOURS, TOO_OLD = "2.2.3.578", "2.2.3.200"


async def reboot(world: World, *instance_ids: InstanceId, **order: Any) -> list[Changed]:
    wanted = {"force": False, "together": True, "by": "ann", **order}
    return await world.control.instances.reboot(list(instance_ids), **wanted)


async def asked(world: World) -> list[InvocationView]:
    return list(
        (await world.control.invocations.find(InvocationFilter(), ALL, with_output=False)).items
    )


@pytest.mark.parametrize(
    ("order", "script", "name"),
    [("reboot", b"exit 194", "RebootInstances"), ("stop", b"exit 193", "StopInstances")],
)
async def test_the_agent_is_given_a_command_that_ends_with_the_code(
    tmp_path: Path, order: str, script: bytes, name: str
) -> None:
    async with World(tmp_path) as world:
        managed = await join(world, version=HONOURS)
        (changed,) = await getattr(world.control.instances, order)(
            [managed], force=False, together=True, by="ann"
        )
        assert changed.error is None
        (view,) = await asked(world)
        command = view.invocation.command
        assert (command.content, command.name) == (script, name)
        assert view.invocation.by == "ann"
        assert await world.states(view.invocation.id) == {managed: "Pending"}


async def test_both_kinds_are_ordered_with_one_call(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        managed = await join(world, version=HONOURS)
        own = await world.instance()
        await beat(world, managed)
        boot = world.machine(own).boot_id
        changes = await reboot(world, own, managed)
        assert [one.instance_id for one in changes] == [own, managed]
        await world.advance(seconds=30)
        assert world.machine(own).boot_id != boot
        (view,) = await asked(world)
        assert list(await world.states(view.invocation.id)) == [managed]


async def test_who_cannot_do_it_is_refused_and_nothing_is_asked(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        managed = await join(world, version=TOO_OLD)
        with pytest.raises(IncorrectState, match="too old for that"):
            await reboot(world, managed)
        await world.advance(minutes=3)
        with pytest.raises(IncorrectState, match="it is offline"):
            await reboot(world, managed)
        for missing in (InstanceId("mi-none"), InstanceId("i-none")):
            with pytest.raises(InstanceNotFound):
                await reboot(world, managed, missing)
        with pytest.raises(InstanceNotFound):
            await world.control.instances.start([managed], together=True)
        assert await asked(world) == []


async def test_one_that_is_refused_leaves_the_others_if_one_wants(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        managed = await join(world, version=HONOURS)
        first, second = await reboot(world, InstanceId("mi-none"), managed, together=False)
        assert isinstance(first.error, InstanceNotFound)
        assert second.error is None
        assert len(await asked(world)) == 1


async def test_a_dry_run_asks_nothing(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        managed = await join(world, version=HONOURS)
        await reboot(world, managed, dry_run=True)
        assert await asked(world) == []
