"""Files that are sent, told from a caller's side."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from cloudhand.core.errors import InstanceNotFound, TokenReused
from cloudhand.core.file import File, FileFilter, FileTarget, SendOrder
from cloudhand.core.ids import InstanceId, InvokeId
from cloudhand.core.orders import Once
from cloudhand.wire import agent as wire
from tests.machines import hang, write
from tests.world import ALL, World

FILE = File(name="config", directory="/etc/app", content=b"hello\n", mode="0600")


async def send(world: World, *ids: InstanceId, timeout: int = 60, **order: object) -> InvokeId:
    given = SendOrder(file=FILE, instance_ids=ids, timeout=timeout, **order)  # type: ignore[arg-type]
    return await world.control.files.send(given)


async def targets(world: World, invoke_id: InvokeId) -> dict[InstanceId, FileTarget]:
    page = await world.control.files.find(FileFilter(invoke_id=invoke_id), ALL)
    return {target.instance_id: target for view in page.items for target in view.targets}


async def told(world: World, invoke_id: InvokeId) -> list[tuple[str, str]]:
    found = (await targets(world, invoke_id)).values()
    return [(target.state.value, target.error_code) for target in found]


async def ended(world: World, invoke_id: InvokeId) -> bool:
    return all(target.final for target in (await targets(world, invoke_id)).values())


async def test_a_file_is_written_on_each_instance(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        ids = await world.instances(2)
        invoke_id = await send(world, *ids)
        await world.until(lambda: ended(world, invoke_id))
        assert await told(world, invoke_id) == [("Success", "")] * 2
        for instance_id in ids:
            file = world.machine(instance_id).files[invoke_id]
            assert (file.name, file.directory, file.content) == ("config", "/etc/app", b"hello\n")
            assert (file.mode, file.overwrite) == ("0600", False)


async def test_what_an_agent_refuses_is_told(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.machines.filing = lambda machine, file: wire.Report(
            kind=wire.INVALID, task_id=file.task_id, param="FileExist", value="config", file=True
        )
        invoke_id = await send(world, await world.instance())
        await world.until(lambda: ended(world, invoke_id))
        assert await told(world, invoke_id) == [("Invalid", "FileAlreadyExists")]


async def test_an_instance_that_is_stopped_gets_no_file(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        up, down = await world.instances(2)
        await world.control.instances.stop([down], force=True, together=True)
        await world.until(lambda: world._all_in([down], "Stopped"))
        invoke_id = await send(world, up, down)
        found = await targets(world, invoke_id)
        assert (found[down].state, found[down].error_code) == ("Aborted", "InstanceNotRunning")
        await world.control.instances.start([down], together=True)
        await world.until(lambda: world._all_in([down], "Running"))
        assert world.machine(down).files == {}
        assert invoke_id in world.machine(up).files


async def test_what_nobody_fetches_is_aborted(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        instance_id = await world.instance()
        world.machine(instance_id).connected = False
        invoke_id = await send(world, instance_id, timeout=600)
        await world.advance(seconds=59)
        assert await told(world, invoke_id) == [("Pending", "")]
        await world.advance(seconds=2)
        assert await told(world, invoke_id) == [("Aborted", "DeliveryTimeout")]
        machine = world.machine(instance_id)
        machine.connected = True
        world.machines.start_agent(machine)
        await world.settle()
        assert machine.files == {}


async def test_what_nobody_speaks_of_times_out_and_is_corrected(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.machines.filing = hang
        instance_id = await world.instance()
        invoke_id = await send(world, instance_id, timeout=100)
        await world.settle()
        assert await told(world, invoke_id) == [("Running", "")]
        await world.advance(seconds=99)
        assert await told(world, invoke_id) == [("Running", "")]
        await world.advance(seconds=2)
        assert await told(world, invoke_id) == [("Timeout", "ClientNotResponse")]
        for _ in range(2):  # late, and once more
            said = wire.Report(kind=wire.FINISH, task_id=invoke_id, file=True)
            await world.machines.say(world.machine(instance_id), said)
            assert await told(world, invoke_id) == [("Success", "")]
        late = wire.Report(kind=wire.FINISH, task_id=invoke_id, error_code="1", file=True)
        await world.machines.say(world.machine(instance_id), late)
        assert await told(world, invoke_id) == [("Success", "")]


async def test_a_lost_answer_costs_seconds_and_no_file(tmp_path: Path) -> None:
    """Our agent is handed it again, and knows what it has written."""
    async with World(tmp_path) as world:
        lost: list[str] = []

        def lose_the_first(machine: object, file: wire.FileTask) -> wire.Report | None:
            lost.append(file.task_id)
            if len(lost) == 1:
                world.machine(instance_id).files.pop(file.task_id)  # as if it had never come
                return None
            return write(world.machine(instance_id), file)

        world.machines.filing = lose_the_first
        instance_id = await world.instance()
        invoke_id = await send(world, instance_id)
        began = world.clock.now()
        await world.until(lambda: ended(world, invoke_id))
        assert await told(world, invoke_id) == [("Success", "")]
        assert (world.clock.now() - began).total_seconds() <= 10


async def test_a_control_plane_that_is_restarted_goes_on(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        instance_id = await world.instance()
        world.machine(instance_id).connected = False
        invoke_id = await send(world, instance_id)
        world.machine(instance_id).connected = True
        await world.restart()
        await world.until(lambda: ended(world, invoke_id))
        assert await told(world, invoke_id) == [("Success", "")]


async def test_the_files_of_an_instance_that_is_released_end_with_it(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.machines.filing = hang
        instance_id = await world.instance()
        invoke_id = await send(world, instance_id, timeout=600)
        await world.settle()
        await world.control.instances.release([instance_id], force=True)
        assert await told(world, invoke_id) == [("Error", "InstanceReleased")]
        await world.until(lambda: world._all_in([instance_id], None))  # type: ignore[arg-type]


async def test_a_machine_that_goes_down_is_waited_for_a_minute_only(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.machines.filing = hang
        instance_id = await world.instance()
        invoke_id = await send(world, instance_id, timeout=86_400)
        await world.settle()
        await world.control.instances.stop([instance_id], force=True, together=True)
        await world.until(lambda: world._all_in([instance_id], "Stopped"))
        await world.until(lambda: ended(world, invoke_id), at_most=70)
        assert await told(world, invoke_id) == [("Timeout", "InstanceNotRunning")]


async def test_nothing_is_sent_to_what_does_not_exist(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        instance_id = await world.instance()
        with pytest.raises(InstanceNotFound):
            await send(world, instance_id, InstanceId("mi-none"), InstanceId("i-none"))
        assert (await world.control.files.find(FileFilter(), ALL)).items == []


async def test_a_repeated_call_sends_one_file(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        instance_id = await world.instance()
        once = Once(token="once", fingerprint="this")
        first = await send(world, instance_id, once=once)
        assert await send(world, instance_id, once=once) == first
        await world.settle()
        assert list(world.machine(instance_id).files) == [first]
        with pytest.raises(TokenReused):
            await send(world, instance_id, once=Once(token="once", fingerprint="other"))


async def test_files_are_kept_for_six_weeks(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        invoke_id = await send(world, await world.instance())
        await world.until(lambda: ended(world, invoke_id))
        await world.restart(after=timedelta(days=41))
        await world.settle()
        assert await told(world, invoke_id) == [("Success", "")]
        await world.restart(after=timedelta(days=2))
        await world.settle()
        assert await told(world, invoke_id) == []
