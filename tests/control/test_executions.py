"""Executions that somebody changes while they are carried out."""

from __future__ import annotations

from pathlib import Path

from cloudhand.core.ids import ExecutionId
from cloudhand.core.orders import NewExecution, TemplateText
from tests.world import World

TEMPLATE = """
FormatVersion: OOS-2019-06-01
Tasks: [{Name: wait, Action: "ACS::Sleep", Properties: {Duration: PT1S}}]
"""


async def started(world: World) -> ExecutionId:
    order = NewExecution(template=TemplateText(content=TEMPLATE), by="me", account_id="1")
    return (await world.control.executions.start(order)).id


async def test_one_that_was_changed_before_its_first_task_was_written_is_looked_at_again(
    tmp_path: Path,
) -> None:
    async with World(tmp_path, loops=False) as world:
        execution_id = await started(world)
        (held,) = await world.executions.claim(1)
        await world.control.executions.update(execution_id, description="changed")
        await world.executions.look_at(held)
        (held,) = await world.executions.claim(1)
        await world.executions.look_at(held)
        view = await world.control.executions.get(execution_id)
        assert [task.name for task in view.current] == ["wait"]
        assert view.execution.description == "changed"
