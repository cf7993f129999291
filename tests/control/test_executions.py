"""Executions that are changed while somebody carries them out."""

from __future__ import annotations

from pathlib import Path

from cloudhand.core.orders import NewExecution, TemplateText
from cloudhand.store.transaction import Transaction
from tests.world import World

_PAUSE = """
FormatVersion: OOS-2019-06-01
Tasks:
  - {Name: pause, Action: 'ACS::Pause'}
"""


async def test_what_is_updated_while_it_is_begun_goes_on(tmp_path: Path) -> None:
    async with World(tmp_path, loops=False) as world:
        started = await world.control.executions.start(
            NewExecution(template=TemplateText(content=_PAUSE), by="root", account_id="1")
        )
        (held,) = await world.executions.claim(1)
        await world.control.executions.update(started.id, description="new")
        await world.executions.look_at(held)
        assert await world.executions.next_due() is not None
        (held,) = await world.executions.claim(1)
        await world.executions.look_at(held)
        view = await world.control.executions.get(started.id)
        assert (view.execution.state, view.execution.description) == ("Waiting", "new")


async def test_a_look_that_somebody_has_come_between_is_made_again(tmp_path: Path) -> None:
    """It has no task yet by which it would fall due."""
    async with World(tmp_path, loops=False) as world:
        started = await world.control.executions.start(
            NewExecution(template=TemplateText(content=_PAUSE), by="root", account_id="1")
        )
        (held,) = await world.executions.claim(1)

        async def come_between(tx: Transaction) -> None:
            await tx.executions._statements.change(
                "UPDATE executions SET version = version + 1 WHERE id = ?", started.id
            )

        await world.database.write(come_between)
        await world.executions.look_at(held)
        (held,) = await world.executions.claim(1)
        await world.executions.look_at(held)
        assert (await world.control.executions.get(started.id)).execution.state == "Waiting"
