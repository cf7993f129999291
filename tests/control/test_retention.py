"""What is old is forgotten, and nothing else."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from cloudhand.core.errors import InvocationNotFound
from cloudhand.core.orders import NewExecution, TemplateText
from tests.machines import Machine, exit_with, finish, run_on
from tests.world import ALL, World

_KEPT = timedelta(weeks=4)
_A_DAY = timedelta(days=1)


def _rows(folder: Path, table: str, condition: str = "1") -> int:
    with closing(sqlite3.connect(folder / "world.sqlite")) as database:
        (count,) = database.execute(f"SELECT count(*) FROM {table} WHERE {condition}").fetchone()
    return int(count)


async def test_results_are_kept_for_four_weeks_after_their_last_change(tmp_path: Path) -> None:
    async with World(tmp_path, behave=exit_with(194, b"bye\n")) as world:
        instance_id = await world.instance()
        invoke_id = await world.run(instance_id)
        await world.until(lambda: world.ended(invoke_id))
        await world.advance(seconds=60)

        await world.restart(after=_KEPT - _A_DAY)
        await world.settle()
        assert (await world.result(invoke_id)).output == b"bye\n"

        await world.restart(after=2 * _A_DAY)
        await world.settle()
        assert await world.results(invoke_id) == {}
        for table in ("invocations", "targets", "outputs", "power_actions"):
            assert _rows(tmp_path, table) == 0, table
        assert _rows(tmp_path, "instances") == 1
        with pytest.raises(InvocationNotFound):
            await world.control.invocations.stop(invoke_id)


async def test_what_has_not_ended_is_kept_however_old_it_is(tmp_path: Path) -> None:
    async with World(tmp_path, behave=run_on) as world:
        instance_id = await world.instance()
        invoke_id = await world.run(instance_id, timeout=86_400)
        machine: Machine = world.machine(instance_id)
        await world.until(lambda: bool(machine.running))
        task = machine.running[invoke_id]

        await world.restart(after=2 * _KEPT)
        await world.settle()
        assert await world.states(invoke_id) == {instance_id: "Running"}

        await world.machines.end(machine, finish(task, 0, b"at last\n"))
        assert (await world.result(invoke_id)).output == b"at last\n"
        await world.restart(after=_KEPT - _A_DAY)
        await world.settle()
        assert await world.states(invoke_id) == {instance_id: "Success"}


_SLEEP = """
FormatVersion: OOS-2019-06-01
Tasks:
  - {Name: sleep, Action: 'ACS::Sleep', Properties: {Duration: PT1S}}
"""


async def test_executions_are_kept_for_ninety_days_and_their_log_with_them(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        started = await world.control.executions.start(
            NewExecution(template=TemplateText(content=_SLEEP), by="root", account_id="1")
        )
        await world.advance(seconds=2)
        logged = await world.control.executions.log(started.id, ALL)
        assert [entry.move.event for entry in logged.items][-1] == "succeeded"

        await world.restart(after=timedelta(days=89))
        await world.settle()
        assert (await world.control.executions.log(started.id, ALL)).items == logged.items

        await world.restart(after=2 * _A_DAY)
        await world.settle()
        for table in ("executions", "task_executions", "template_texts"):
            assert _rows(tmp_path, table) == 0, table
        assert _rows(tmp_path, "events", "noun IN ('execution', 'task')") == 0


async def test_moves_of_states_are_kept_as_long(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        await world.instance()
        before = world.clock.now() + timedelta(seconds=1)
        old = f"at < {int(before.timestamp() * 1000)}"
        assert _rows(tmp_path, "events", old) > 0

        await world.restart(after=_KEPT - _A_DAY)
        await world.settle()
        assert _rows(tmp_path, "events", old) > 0

        await world.restart(after=2 * _A_DAY)
        await world.settle()
        assert _rows(tmp_path, "events", old) == 0
