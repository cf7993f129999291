"""Secrets that executions use: put in for a call alone, and not to be seen when it goes wrong."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cloudhand.api.bind import text
from cloudhand.api.inside import Inside
from cloudhand.api.oos.product import OOS
from cloudhand.api.operation import Call, operation
from cloudhand.api.products import OF_TEMPLATES
from cloudhand.core.errors import ParametersInvalid
from cloudhand.core.execution import Execution
from cloudhand.core.ids import ExecutionId, TaskExecutionId
from cloudhand.core.orders import (
    NewExecution,
    NewStoredParameter,
    NewStoredVersion,
    StoredParameterFilter,
    TaskFilter,
    TemplateText,
)
from cloudhand.core.stored_parameter import Type
from cloudhand.core.task import TaskExecution
from cloudhand.orchestration import secrets
from cloudhand.orchestration.actions.library import Library
from cloudhand.orchestration.evaluation import NotStored
from cloudhand.programs.pool import Pool
from cloudhand.reconcilers.means import Means
from cloudhand.reconcilers.sending import Sending
from cloudhand.store.transaction import Transaction
from tests.world import ALL, World

CANARY = "canary-2b9f6c"
WAITING = """
FormatVersion: OOS-2019-06-01
Parameters:
  color: {Default: "{{ oos:color }}"}
  sizes: {Type: List, AllowedValues: [s, m]}
Tasks:
- {Name: wait, Action: "ACS::Sleep", Properties: {Duration: PT1H}}
Outputs:
  color: {Value: "{{ color }}"}
  now: {Value: "{{ oos:color }}"}
  sizes: {Value: "{{ sizes }}"}
"""


async def keep(world: World, name: str, value: str, kind: Type = Type.SECRET) -> None:
    order = NewStoredParameter(name=name, type=kind, value=value, by="me")
    await world.control.stored_parameters.create(order)


async def change(world: World, name: str, value: str, *, secret: bool = True) -> None:
    order = NewStoredVersion(name=name, secret=secret, value=value, by="me")
    await world.control.stored_parameters.update(order)


async def started(world: World, template: str, **given: Any) -> ExecutionId:
    order = NewExecution(
        template=TemplateText(content=template), parameters=given, by="root", account_id="1"
    )
    return (await world.control.executions.start(order)).id


async def running(world: World) -> tuple[Execution, TaskExecution]:
    """An execution as the engine sees it, and a task of it."""
    await keep(world, "color", "red", Type.STRING)
    execution_id = await started(world, WAITING, sizes="s")
    task_id = TaskExecutionId(f"{execution_id}.t0001")

    async def begun() -> TaskExecution | None:
        return await world.database.read(lambda tx: tx.tasks.get(task_id))

    await world.until(begun)
    task = await begun()
    execution = await world.database.read(lambda tx: tx.executions.get(execution_id))
    assert execution is not None
    assert task is not None
    return execution, task


async def test_common_parameters_are_looked_up_at_the_start_or_when_they_are_needed(
    tmp_path: Path,
) -> None:
    async with World(tmp_path) as world:
        await keep(world, "color", "red", Type.STRING)
        await keep(world, "sizes", "s,m", Type.STRING_LIST)
        execution_id = await started(world, WAITING, sizes="{{ oos:sizes }}")
        await world.advance(minutes=1)
        await change(world, "color", "blue", secret=False)
        await change(world, "sizes", "m", secret=False)
        await world.advance(hours=1)
        found = (await world.control.executions.get(execution_id)).execution
        assert found.parameters == {"color": "red", "sizes": ["s", "m"]}
        assert found.outputs == {"color": "red", "now": "blue", "sizes": ["s", "m"]}


async def test_a_start_names_what_is_not_in_the_store_or_not_allowed(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        with pytest.raises(ParametersInvalid, match="no parameter none in the parameter store"):
            await started(world, WAITING, sizes="{{ oos:none }}")
        with pytest.raises(ParametersInvalid, match="its default: there is no parameter color"):
            await started(world, WAITING, sizes="s")
        await keep(world, "color", "red", Type.STRING)
        await keep(world, "sizes", "s,xl", Type.STRING_LIST)
        with pytest.raises(ParametersInvalid, match='"xl" is none of'):
            await started(world, WAITING, sizes="{{oos:sizes}}")


async def test_a_parameter_that_is_changed_later_may_be_a_secret_too(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        await keep(world, "color", "red", Type.STRING)
        execution_id = await started(world, WAITING, sizes="s", color="{{ oos-secret:color }}")
        await world.control.executions.update(execution_id, given={"sizes": "{{oos-secret:s}}"})
        found = (await world.control.executions.get(execution_id)).execution
        assert found.parameters == {"color": "{{oos-secret:color}}", "sizes": "{{oos-secret:s}}"}


async def test_an_effect_is_made_once_although_its_secret_has_changed_meanwhile(
    tmp_path: Path,
) -> None:
    async with World(tmp_path) as world:
        execution, task = await running(world)
        await keep(world, "db", CANARY)
        call = Inside(world.control, world.tenancy, OF_TEMPLATES).caller_of(execution, task)
        given = {"Name": "copy", "Value": secrets.stand_in("db", execution.mark)}
        first = await call("OOS", "CreateSecretParameter", given, effect="")
        await change(world, "db", "other")
        again = await call("OOS", "CreateSecretParameter", given, effect="")
        assert (first.refused, again.refused) == (False, False)
        assert again.body["Parameter"] == first.body["Parameter"]
        wanted = StoredParameterFilter(secret=True, name="copy")
        page = await world.control.stored_parameters.find(wanted, ALL, opened=True)
        assert [one.version.value for one in page.items] == [CANARY]


async def test_data_that_looks_like_a_secret_is_sent_as_data(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        execution, task = await running(world)
        await keep(world, "db", CANARY)
        call = Inside(world.control, world.tenancy, OF_TEMPLATES).caller_of(execution, task)
        forged = secrets.stand_in("db", "guess")
        reply = await call("OOS", "GetParameter", {"Name": forged}, effect="")
        assert "{{oos-secret:db}}" in reply.body["Message"]
        assert CANARY not in str(reply.body)


async def test_a_call_with_a_secret_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        execution, task = await running(world)
        call = Inside(world.control, world.tenancy, OF_TEMPLATES).caller_of(execution, task)
        given = {"Name": "copy", "Value": secrets.stand_in("none", execution.mark)}
        with pytest.raises(NotStored, match="no secret parameter none in the parameter store"):
            await call("OOS", "CreateSecretParameter", given, effect="")


@dataclass(frozen=True, kw_only=True)
class Params:
    value: str = text("Value")


class Result(msgspec.Struct):
    pass


@operation(OOS, access="read")
async def break_down(call: Call, params: Params) -> Result:
    raise ValueError(f"cannot bear {params.value}")


async def test_an_error_that_nobody_expects_is_logged_without_the_secret(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with World(tmp_path) as world:
        execution, task = await running(world)
        await keep(world, "db", CANARY)
        inside = Inside(world.control, world.tenancy, {"oos": {"BreakDown": break_down}})
        given = {"Value": secrets.stand_in("db", execution.mark)}
        try:
            await inside.caller_of(execution, task)("OOS", "BreakDown", given, effect="")
        except RuntimeError:
            logging.getLogger("test").exception("it broke down")
        assert "BreakDown raised ValueError" in caplog.text
        assert CANARY not in caplog.text
        with pytest.raises(ValueError, match="cannot bear open"):
            await inside.caller_of(execution, task)(
                "OOS", "BreakDown", {"Value": "open"}, effect=""
            )


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "Connection refused"),
        (OSError(f"cannot find {CANARY}"), "it cannot be reached"),
    ],
)
async def test_a_message_that_cannot_be_sent_does_not_tell_its_address(
    tmp_path: Path, error: OSError, told: str
) -> None:
    async def post(url: str, *, headers: Mapping[str, str], body: bytes, key: str) -> int:
        assert url == f"https://{CANARY}/"
        raise error

    async with World(tmp_path) as world:
        execution, _ = await running(world)
        await keep(world, "db", CANARY)
        inside = Inside(world.control, world.tenancy, OF_TEMPLATES)
        means = Means(
            database=world.database,
            clock=world.clock,
            library=Library({}),
            programs=Pool(),  # none is run
            caller_of=inside.caller_of,
            check_read=inside.check_read,
            post=post,
        )
        url = secrets.joined(
            ["https://", secrets.stand_in("db", execution.mark), "/"], execution.mark
        )
        with pytest.raises(OSError) as caught:
            await Sending(means, execution)(url, headers={}, content={}, key="k")
        assert str(caught.value) == told


async def test_the_mark_is_that_of_all_that_is_started_for_an_execution_and_no_other(
    tmp_path: Path,
) -> None:
    template = """
FormatVersion: OOS-2019-06-01
Tasks:
- Name: inner
  Action: ACS::Template
  Properties: {TemplateContent: "TEXT"}
""".replace(
        "TEXT",
        "{FormatVersion: OOS-2019-06-01, Tasks: [{Name: wait, Action: 'ACS::Sleep',"
        " Properties: {Duration: PT1S}}]}",
    )
    async with World(tmp_path) as world:
        one, other = await started(world, template), await started(world, template)
        await world.settle()

        async def marks(tx: Transaction) -> list[str]:
            ids = [*await tx.executions.below(one), *await tx.executions.below(other)]
            return [found.mark for found in await tx.executions.get_many(ids)]

        found = await world.database.read(marks)
        assert len(found) == 4
        assert len(set(found)) == 2
        tasks = await world.control.executions.tasks(TaskFilter(execution_id=one), ALL)
        assert not any(mark in str(task) for task in tasks.items for mark in found)
