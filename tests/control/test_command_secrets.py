"""What commands name of the parameter store: read for a machine alone, and kept nowhere."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cloudhand.core.account import User, identity
from cloudhand.core.errors import ParameterProblem
from cloudhand.core.ids import InstanceId, InvokeId
from cloudhand.core.invocation import RepeatMode
from cloudhand.core.orders import NewStoredParameter, NewStoredVersion
from cloudhand.core.stored_parameter import Type
from cloudhand.wire import agent as wire
from tests.machines import Machine, finish
from tests.world import World

CANARY = "canary-7d41e0"
SECRET = "echo {{ oos-secret:word }}"
CREATED = datetime(2026, 1, 2, tzinfo=UTC)


async def keep(world: World, name: str, value: str, kind: Type = Type.SECRET) -> None:
    order = NewStoredParameter(name=name, type=kind, value=value, by="root")
    await world.control.stored_parameters.create(order)


async def change(world: World, name: str, value: str) -> None:
    order = NewStoredVersion(name=name, secret=True, value=value, by="root")
    await world.control.stored_parameters.update(order)


class Noted:
    """What machines are given to run."""

    def __init__(self) -> None:
        self.tasks: list[wire.Task] = []

    def __call__(self, machine: Machine, task: wire.Task) -> wire.Report:
        self.tasks.append(task)
        return finish(task, 0, b"")

    @property
    def scripts(self) -> list[bytes]:
        return [task.content for task in self.tasks]


async def run(world: World, instance_id: InstanceId, script: str, **order: Any) -> InvokeId:
    return await world.run(instance_id, script=script, enable_parameter=True, **order)


async def test_a_script_is_given_what_it_names(tmp_path: Path) -> None:
    noted = Noted()
    async with World(tmp_path, behave=noted) as world:
        await keep(world, "path/word", CANARY)
        await keep(world, "color", "red", Type.STRING)
        await keep(world, "sizes", "s,m", Type.STRING_LIST)
        instance_id = await world.instance()
        script = "{{OOS-Secret:path/word}} {{ oos:color }} {{oos:sizes}} {{who}}"
        await run(world, instance_id, script, parameters={"who": "{{oos:color}}"})
        await world.until(lambda: bool(noted.tasks))
        assert noted.scripts == [f"{CANARY} red s,m red".encode()]
        assert noted.tasks[0].sealed


async def test_a_script_without_secrets_is_not_sealed(tmp_path: Path) -> None:
    noted = Noted()
    async with World(tmp_path, behave=noted) as world:
        await keep(world, "color", "red", Type.STRING)
        instance_id = await world.instance()
        await run(world, instance_id, "{{oos:color}}")
        await world.run(instance_id, script="{{oos-secret:word}} is text here")
        await world.until(lambda: len(noted.tasks) == 2)
        assert noted.scripts == [b"red", b"{{oos-secret:word}} is text here"]
        assert not any(task.sealed for task in noted.tasks)


async def test_what_comes_out_of_the_store_is_not_looked_through(tmp_path: Path) -> None:
    noted = Noted()
    async with World(tmp_path, behave=noted) as world:
        await keep(world, "word", "{{oos:color}} {{who}}")
        instance_id = await world.instance()
        await run(world, instance_id, SECRET)
        await world.until(lambda: bool(noted.tasks))
        assert noted.scripts == [b"echo {{oos:color}} {{who}}"]


async def test_a_secret_is_in_no_file_of_the_control_plane(tmp_path: Path) -> None:
    noted = Noted()
    async with World(tmp_path, behave=noted) as world:
        await keep(world, "word", CANARY)
        instance_id = await world.instance()
        invoke_id = await run(world, instance_id, SECRET)
        await world.until(lambda: world.ended(invoke_id))
        assert noted.scripts == [f"echo {CANARY}".encode()]
        assert (await world.result(invoke_id)).invocation.command.content == SECRET.encode()
        for path in tmp_path.iterdir():
            assert CANARY.encode() not in path.read_bytes(), path.name


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        ("{{oos-secret:nobody}}", "NotStored"),
        ("{{oos:word}}", "NotStored"),  # it is a secret
        ("{{oos:}}", "NotStored"),
        ("{{oos-secret: a b }}", "NotStored"),
        ("{{oos-secret:long}}" * 7, "TooLong"),
    ],
)
async def test_what_cannot_be_read_is_refused_at_once(
    tmp_path: Path, script: str, kind: str
) -> None:
    async with World(tmp_path) as world:
        await keep(world, "word", CANARY)
        await keep(world, "long", "x" * 4096)
        instance_id = await world.instance()
        with pytest.raises(ParameterProblem) as caught:
            await run(world, instance_id, script)
        assert caught.value.kind == kind


async def test_rights_are_those_of_whoever_asked_when_it_is_handed_out(tmp_path: Path) -> None:
    noted = Noted()
    async with World(tmp_path, behave=noted) as world:
        await keep(world, "word", CANARY)
        account_id = world.settings.account_id
        ann = identity(account_id, "ann")
        await world.control.accounts.add_user(
            User(name="ann", account_id=account_id, created_at=CREATED)
        )
        instance_id = await world.instance()
        with pytest.raises(ParameterProblem) as caught:
            await run(world, instance_id, SECRET, by="ann")
        assert caught.value.kind == "NotReadable"
        await world.control.rights.attach(ann, "AliyunOOSFullAccess", system=True)
        invoke_id = await run(
            world,
            instance_id,
            SECRET,
            by="ann",
            repeat_mode=RepeatMode.PERIOD,
            frequency="rate(1m)",
        )
        await world.advance(seconds=61)
        await change(world, "word", "another")
        await world.advance(seconds=60)
        assert noted.scripts == [f"echo {CANARY}".encode(), b"echo another"]
        await world.control.rights.detach(ann, "AliyunOOSFullAccess", system=True)
        await world.advance(seconds=60)
        target = (await world.result(invoke_id)).target
        assert (target.state, target.run) == ("Scheduled", 3)
        assert target.error_code == "QueryParameterStoreFailed"
        assert "may not be read any more" in target.error_info
        assert "ann may not oos:GetSecretParameter" in target.error_info
        assert len(noted.scripts) == 2


async def test_a_parameter_that_is_gone_when_it_is_needed_ends_the_run(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        await keep(world, "word", CANARY)
        instance_id = await world.instance()
        world.machine(instance_id).connected = False
        invoke_id = await run(world, instance_id, SECRET)
        await world.control.stored_parameters.delete("word", secret=True)
        world.machine(instance_id).connected = True
        world.machines.start_agent(world.machine(instance_id))
        await world.until(lambda: world.ended(invoke_id), at_most=10)
        target = (await world.result(invoke_id)).target
        assert (target.state, target.error_code) == ("Invalid", "QueryParameterStoreFailed")
        assert target.error_info.endswith("is not there any more: word")
        await world.advance(seconds=timedelta(minutes=1).total_seconds())
        assert world.machine(instance_id).ever_started == []
