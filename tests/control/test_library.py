"""The templates that come with Cloudhand, executed on machines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from cloudhand.core.command import CommandType
from cloudhand.core.execution import Execution, State
from cloudhand.core.ids import ExecutionId, InstanceId
from cloudhand.core.orders import InstanceFilter, NewCommand, NewExecution, TemplateText
from cloudhand.core.tag import Kind
from cloudhand.wire import agent as wire
from cloudhand.wire import times
from tests.machines import exit_with
from tests.world import ALL, World


def targets(ids: Sequence[InstanceId]) -> dict[str, Any]:
    return {"Type": "ResourceIds", "ResourceIds": list(ids)}


async def start(world: World, template: TemplateText, **parameters: Any) -> ExecutionId:
    started = await world.control.executions.start(
        NewExecution(
            template=template,
            parameters=parameters,
            by="root",
            account_id=world.settings.account_id,
        )
    )
    return started.id


async def carried_out(world: World, name: str, **parameters: Any) -> Execution:
    """An execution of a public template, at its end."""
    return await ended(world, await start(world, TemplateText(name=name), **parameters))


async def acted(world: World, action: str, **properties: Any) -> Execution:
    """An execution of one action of a product, whose outputs it has; at its end."""
    content = {
        "FormatVersion": "OOS-2019-06-01",
        "Tasks": [
            {
                "Name": "act",
                "Action": action,
                "Properties": properties,
                "Outputs": {"all": {"Type": "Json", "ValueSelector": "."}},
            }
        ],
        "Outputs": {"all": {"Type": "Json", "Value": "{{ act.all }}"}},
    }
    return await ended(world, await start(world, TemplateText(content=json.dumps(content))))


async def ended(world: World, execution_id: ExecutionId) -> Execution:
    async def look() -> bool:
        return (await world.control.executions.get(execution_id)).execution.final

    await world.until(look, at_most=3600)
    return (await world.control.executions.get(execution_id)).execution


async def tags(world: World, instance_id: InstanceId) -> dict[str, str]:
    wanted = InstanceFilter(ids=frozenset({instance_id}))
    page = await world.control.instances.find(wanted, ALL)
    return dict(page.items[0].instance.tags)


async def test_instances_are_stopped_and_started_in_bulk(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        ids = await world.instances(3)
        await world.control.instances.stop(ids[:1], force=True, together=True)
        stopped = await carried_out(world, "ACS-ECS-BulkyStopInstances", targets=targets(ids))
        assert (stopped.state, stopped.outputs) == (State.SUCCESS, {"instanceIds": ids})
        assert [await world.status(one) for one in ids] == ["Stopped"] * 3
        started = await carried_out(world, "ACS-ECS-BulkyStartInstances", targets=targets(ids))
        assert started.state is State.SUCCESS
        assert [await world.status(one) for one in ids] == ["Running"] * 3
        again = await carried_out(world, "ACS-ECS-BulkyStartInstances", targets=targets(ids))
        assert again.state is State.SUCCESS
        assert [world.machine(one).boots for one in ids] == [2, 2, 2]


async def test_instances_are_restarted_in_bulk(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        ids = await world.instances(3)
        done = await carried_out(world, "ACS-ECS-BulkyRebootInstances", targets=targets(ids))
        assert done.state is State.SUCCESS
        assert [world.machine(one).boots for one in ids] == [2, 2, 2]
        assert [await world.status(one) for one in ids] == ["Running"] * 3


async def test_what_cannot_be_restarted_fails_the_bulk(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        up, down = await world.instances(2)
        await world.control.instances.stop([down], force=True, together=True)
        await world.until(lambda: world._all_in([down], "Stopped"))
        rate = {"Mode": "Concurrency", "Concurrency": 2, "MaxErrors": 0}
        given = {"targets": targets([up, down]), "rateControl": rate}
        failed = await carried_out(world, "ACS-ECS-BulkyRebootInstances", **given)
        assert failed.state is State.FAILED
        assert (world.machine(up).boots, world.machine(down).boots) == (2, 1)


async def test_after_one_that_does_not_come_back_no_other_is_restarted(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        ids = await world.instances(3)
        world.machine(ids[1]).has_agent = False
        given = {"targets": targets(ids), "checkCommand": "true"}
        failed = await carried_out(world, "ACS-ECS-BulkyRebootAndCheck", **given)
        assert failed.state is State.FAILED
        assert [world.machine(one).boots for one in ids] == [2, 2, 1]
        rate = {"Mode": "Concurrency", "Concurrency": 1, "MaxErrors": 1}
        borne = await carried_out(world, "ACS-ECS-BulkyRebootAndCheck", rateControl=rate, **given)
        assert borne.state is State.SUCCESS
        assert [world.machine(one).boots for one in ids] == [3, 3, 2]


async def test_instances_are_tagged_in_bulk(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        ids = await world.instances(2, tags={"kept": "yes"})
        done = await carried_out(
            world,
            "ACS-ECS-BulkyTagInstances",
            targets={"Type": "Tags", "Tags": [{"Key": "kept", "Value": "yes"}]},
            tags=[{"Key": "role", "Value": "web"}],
        )
        assert done.state is State.SUCCESS
        assert [await tags(world, one) for one in ids] == [{"kept": "yes", "role": "web"}] * 2


async def test_instances_are_restarted_on_a_schedule(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        ids = await world.instances(2)
        name = TemplateText(name="ACS-ECS-ScheduleToRebootInstances")
        end = world.clock.now() + timedelta(minutes=25)
        timer = {"type": "rate", "expression": "10 minutes", "endDate": times.second(end)}
        started = await start(world, name, timerTrigger=timer, targets=targets(ids))
        await world.advance(minutes=9)
        assert [world.machine(one).boots for one in ids] == [1, 1]
        await world.advance(minutes=2)
        assert [world.machine(one).boots for one in ids] == [2, 2]
        await world.advance(minutes=10)
        assert [world.machine(one).boots for one in ids] == [3, 3]
        await world.advance(minutes=4)
        done = await ended(world, started)
        assert done.state is State.SUCCESS
        assert [world.machine(one).boots for one in ids] == [3, 3]


async def test_a_stored_command_is_run_and_its_output_told(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        instance_id = await world.instance()
        new = NewCommand(
            type=CommandType.SHELL, content=b"echo {{who}}", enable_parameter=True, name="greet"
        )
        command_id = await world.control.commands.create(new)
        given = {"commandId": command_id, "instanceId": instance_id}
        for values in ({}, {"parameters": {"who": "you"}}):
            done = await acted(world, "ACS::ECS::InvokeCommand", **given, **values)
            assert done.state is State.SUCCESS
            assert done.outputs == {"all": {"invocationOutput": "helloworld\n"}}
        world.machines.behave = exit_with(3)
        failed = await acted(world, "ACS::ECS::InvokeCommand", **given)
        assert failed.state is State.FAILED
        assert len(world.machine(instance_id).ever_started) == 3


async def test_a_command_that_is_stopped_fails_at_once(tmp_path: Path) -> None:
    async with World(tmp_path, behave=lambda machine, task: None) as world:
        instance_id = await world.instance()
        command_id = await world.control.commands.create(
            NewCommand(type=CommandType.SHELL, content=b"sleep 1000", timeout=3600)
        )
        begun = world.clock.now()
        template = TemplateText(name="ACS::ECS::InvokeCommand")
        started = await start(world, template, commandId=command_id, instanceId=instance_id)
        await world.until(lambda: bool(world.machine(instance_id).running))
        (invoke_id,) = world.machine(instance_id).running
        await world.control.invocations.stop(invoke_id)  # type: ignore[arg-type]
        failed = await ended(world, started)
        assert failed.state is State.FAILED
        assert (world.clock.now() - begun).total_seconds() < 60


async def test_tags_are_put_on_and_taken_off(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        instance_id = await world.instance()
        resource = {"resourceIds": [instance_id]}
        pairs = [{"Key": key, "Value": "v"} for key in "abc"]
        for action, given, left in (
            ("TagResources", {"tags": pairs}, ["a", "b", "c"]),
            ("UntagResources", {"tagKeys": ["b"]}, ["a", "c"]),
            ("UntagResources", {"all": True}, []),
        ):
            done = await acted(world, f"ACS::ECS::{action}", **resource, **given)
            assert done.state is State.SUCCESS
            assert sorted(await tags(world, instance_id)) == left


async def test_an_agent_is_there_once_it_is_online(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        instance_id = await world.instance()
        done = await acted(world, "ACS::ECS::InstallCloudAssistant", instanceId=instance_id)
        assert done.state is State.SUCCESS
        missing = await acted(world, "ACS::ECS::InstallCloudAssistant", instanceId="i-nobody")
        assert missing.state is State.FAILED
        assert "InvalidInstance.NotFound" in missing.status_message


async def test_a_file_is_sent_and_a_failure_is_told_at_once(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        instance_id = await world.instance()
        given = {"instanceId": instance_id, "name": "config", "targetDir": "/d", "content": "x"}
        done = await acted(world, "ACS::ECS::SendFile", **given, fileMode="0600")
        assert done.state is State.SUCCESS
        ((invoke_id, file),) = world.machine(instance_id).files.items()
        assert done.outputs == {"all": {"invokeId": invoke_id}}
        assert (file.content, file.mode, file.owner) == (b"x", "0600", "")
        world.machines.filing = lambda machine, file: wire.Report(
            kind=wire.INVALID, task_id=file.task_id, param="FileExist", file=True
        )
        begun = world.clock.now()
        failed = await acted(world, "ACS::ECS::SendFile", **given)
        assert failed.state is State.FAILED
        assert (world.clock.now() - begun).total_seconds() < 5


async def test_all_pages_of_tags_are_told_to_a_template(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        ids = await world.instances(4, tags={f"k{number}": "v" for number in range(20)})
        wanted = {"ResourceType": "instance", "ResourceIds": ids}
        call = {"Service": "ECS", "API": "ListTagResources", "Parameters": wanted}
        done = await acted(world, "ACS::ExecuteAPI", **call)
        assert done.outputs is not None
        assert len(done.outputs["all"]["TagResources"]["TagResource"]) == 80


async def test_whoever_waits_for_a_tag_is_woken_by_it(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        instance_id = await world.instance()
        content = {
            "FormatVersion": "OOS-2019-06-01",
            "Tasks": [
                {
                    "Name": "wait",
                    "Action": "ACS::WaitFor",
                    "DelayType": "Constant",
                    "Delay": 3600,
                    "Properties": {
                        "Service": "ECS",
                        "API": "DescribeInstances",
                        "Parameters": {"InstanceIds": [instance_id]},
                        "PropertySelector": "Instances.Instance[].Tags.Tag[].TagKey",
                        "DesiredValues": ["ready"],
                    },
                }
            ],
        }
        started = await start(world, TemplateText(content=json.dumps(content)))
        await world.advance(seconds=60)
        await world.control.tags.put(Kind.INSTANCE, [instance_id], {"ready": ""})
        await world.settle()
        assert (await world.control.executions.get(started)).execution.state is State.SUCCESS
