"""What the engine of executions costs: the loops and the store of a control plane, no network.

The items of a loop are asked for nothing, so that what is measured is the engine alone.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.figure import Figure, Outcome, middle
from cloudhand.control.executions import Executions as Verbs
from cloudhand.control.pokes import Pokes
from cloudhand.control.rights import Rights
from cloudhand.control.settings import ControlSettings
from cloudhand.control.templates import Templates
from cloudhand.core.execution import Cancel, Execution, State
from cloudhand.core.ids import ExecutionId, TaskExecutionId
from cloudhand.core.orders import NewExecution, TaskFilter, TemplateText
from cloudhand.core.page import Window
from cloudhand.core.task import Loop, TaskExecution, counted
from cloudhand.core.task import State as TaskState
from cloudhand.core.task import noted as task_noted
from cloudhand.orchestration import action, conductor, rate_control
from cloudhand.orchestration.actions import ACTIONS
from cloudhand.orchestration.actions.library import Library
from cloudhand.orchestration.conductor import BeginItems
from cloudhand.programs.pool import Pool
from cloudhand.reconcilers.executions import Executions
from cloudhand.reconcilers.means import Means
from cloudhand.server.clock import SystemClock
from cloudhand.store.envelope import open_envelope
from cloudhand.store.sqlite import SqliteDatabase
from cloudhand.store.task_executions import Change
from cloudhand.store.transaction import Transaction

_AT_ONCE = 50
_TEMPLATE = f"""
FormatVersion: OOS-2019-06-01
Parameters:
  items: {{Type: List}}
Tasks:
  - Name: nothing
    Action: ACS::ExecuteAPI
    Properties: {{Service: ECS, API: DescribeRegions}}
    Loop:
      Items: '{{{{ items }}}}'
      RateControl: {{Mode: Concurrency, Concurrency: {_AT_ONCE}}}
"""
_SERVED = {"ecs": frozenset({"describeregions"})}
_SMALL_REPEATED = 8  # times in a round: each costs little, and little is noisy


def measure(*, quick: bool) -> list[Outcome]:
    return asyncio.run(_measure(quick=quick))


async def _measure(*, quick: bool) -> list[Outcome]:
    sizes, rounds = ((2, 6, 12, 24), 2) if quick else ((10, 60, 500, 1000), 5)
    async with _engine() as engine:
        await engine.perform(sizes[-1])  # the first is not like the others
        walls, updates = [], []
        for _ in range(rounds):
            updates.append(await engine.update(sizes[-1]))
            walls.append(await engine.perform(sizes[-1]))
        margins = [await _margins(engine, sizes) for _ in range(rounds)]
    few, many = zip(*margins, strict=True)
    decided = [_decided(sizes[-1]) for _ in range(rounds)]
    per_update = median(updates) / sizes[-1]
    least, small, large, most = sizes
    return [
        Figure(
            name="loop of a no-op / as many durable updates of a row",
            value=median(wall / update for wall, update in zip(walls, updates, strict=True)),
            unit="ratio",
            target=10,
            raw=f"{middle(walls, 's', 1)} for {most} items, {_AT_ONCE} at once /"
            f" {middle(updates, 's', 1)} for {most} updates, one after the other",
        ),
        Figure(
            name="decision of the conductor / durable update of a row",
            value=median(decided) / per_update,
            unit="ratio",
            target=0.1,
            raw=f"{1 / median(decided):.0f} decisions a second in a loop of {most} items, one at a"
            f" time; {1 / per_update:.0f} updates a second",
        ),
        Figure(
            name="marginal CPU per item of a no-op, large loop / small loop",
            value=median(many) / median(few),
            unit="ratio",
            target=1.3,
            raw=f"{middle(list(many))} between {large} and {most} items / {middle(list(few))}"
            f" between {least} and {small}",
        ),
    ]


async def _margins(engine: _Engine, sizes: tuple[int, int, int, int]) -> tuple[float, float]:
    """Seconds of CPU for one more item, of a small loop and of a large one."""
    least, small, large, most = sizes
    low = median([await engine.cost(least) for _ in range(_SMALL_REPEATED)])
    high = median([await engine.cost(small) for _ in range(_SMALL_REPEATED)])
    less, more = await engine.cost(large), await engine.cost(most)
    return (high - low) / (small - least), (more - less) / (most - large)


class _Engine:
    def __init__(self, verbs: Verbs, database: SqliteDatabase) -> None:
        self._verbs = verbs
        self._database = database

    async def perform(self, items: int) -> float:
        """Seconds from the start of an execution to its end."""
        began = time.perf_counter()
        started = await self._verbs.start(
            NewExecution(
                template=TemplateText(content=_TEMPLATE),
                parameters={"items": [f"i-{number:017x}" for number in range(items)]},
                by="benchmark",
                account_id="1000000000000001",
            )
        )
        ended = await self._end(started.id)
        took = time.perf_counter() - began
        if ended.state is not State.SUCCESS:
            raise RuntimeError(f"the loop ended {ended.state}: {ended.status_message}")
        return took

    async def _end(self, execution_id: ExecutionId) -> Execution:
        while True:
            execution = (await self._verbs.get(execution_id)).execution
            if execution.final:
                return execution
            await asyncio.sleep(0.01)

    async def cost(self, items: int) -> float:
        """Seconds of this process' CPU."""
        before = time.process_time()
        await self.perform(items)
        return time.process_time() - before

    async def update(self, times: int) -> float:
        """Seconds for so many updates of a row, each durable before the next."""
        task = await self._item()
        began = time.perf_counter()
        for _ in range(times):
            after = task_noted(task, at=task.updated_at)
            change = Change(before=task, event=None, after=after)

            async def work(tx: Transaction, change: Change = change) -> None:
                await tx.tasks.save([change], source="benchmark")

            await self._database.write(work)
            task = after
        return time.perf_counter() - began

    async def _item(self) -> TaskExecution:
        page = await self._verbs.tasks(TaskFilter(name="nothing", with_items=True), Window(limit=2))
        return page.items[1]


@asynccontextmanager
async def _engine() -> AsyncIterator[_Engine]:
    clock, pokes, library, programs = SystemClock(), Pokes(), Library(_SERVED), Pool()
    with tempfile.TemporaryDirectory(prefix="cloudhand-bench-") as folder:
        envelope = open_envelope(Path(folder) / "secret.key", new=True)
        database = SqliteDatabase(Path(folder) / "bench.sqlite", envelope)
        templates = Templates(database, clock, os.urandom, library, programs)
        rights = Rights(database, clock)
        settings = ControlSettings()
        verbs = Verbs(database, clock, os.urandom, pokes, settings, templates, programs, rights)
        means = Means(
            database=database,
            clock=clock,
            library=library,
            programs=programs,
            caller_of=lambda *_: _refuse,
            check_read=_refuse,
            post=_refuse,
            actions={
                **ACTIONS,
                "ACS::ExecuteAPI": replace(ACTIONS["ACS::ExecuteAPI"], perform=_nothing),
            },
        )
        loop = asyncio.create_task(Executions(means, pokes).run())
        try:
            yield _Engine(verbs, database)
        finally:
            loop.cancel()
            await database.close()
            await programs.close()


async def _nothing(task: action.Task, properties: Any) -> action.Outcome:
    return action.Done({})


async def _refuse(*given: Any, **named: Any) -> Any:
    raise RuntimeError("a no-op calls nothing")


def _decided(items: int) -> float:
    """Seconds of one decision in a loop that runs one item at a time, without store and actions."""
    template = Library(_SERVED).parse(_TEMPLATE)
    now = SystemClock().now()
    task = TaskExecution(
        id=TaskExecutionId("exec-1.t0"),
        execution_id=ExecutionId("exec-1"),
        name="nothing",
        action="ACS::ExecuteAPI",
        state=TaskState.RUNNING,
        index=0,
        created_at=now,
        updated_at=now,
        loop=Loop(rate=rate_control.read(None, items).kept(), total=items),
    )
    made, began = 0, time.perf_counter()
    while isinstance(decision := conductor.decide(template, [task], Cancel.NO), BeginItems):
        made += 1
        loop = task.loop
        for _ in decision.items:
            assert loop is not None
            loop = counted(loop, TaskState.PENDING, TaskState.RUNNING)
            loop = counted(loop, TaskState.RUNNING, TaskState.SUCCESS)
        task = replace(task, loop=loop)
    if made != items:
        raise RuntimeError(f"{made} decisions for {items} items")
    return (time.perf_counter() - began) / made
