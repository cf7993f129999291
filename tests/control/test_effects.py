"""Whenever the engine is killed, what an execution does to machines is done once."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

from cloudhand.api.inside import served
from cloudhand.api.products import OF_TEMPLATES
from cloudhand.control.control import Control
from cloudhand.core.execution import State
from cloudhand.core.ids import ExecutionId, InstanceId
from cloudhand.core.orders import InvocationFilter, NewExecution, TemplateText
from cloudhand.orchestration.actions.library import Library
from tests.rehearsals.mortal import Killed, Mortal
from tests.world import ALL, World

_TEMPLATE = Path(__file__).parents[1] / "rehearsals/templates/run_and_restart.yml"
_LIBRARY = Library(served(OF_TEMPLATES))


_EVERY = os.environ.get("CLOUDHAND_TEST_CRASHES") == "all"
_SEED = os.environ.get("CLOUDHAND_TEST_SEED", "1")
_FEW = 8


class Engine:
    """Carries executions out beside a world, and is started again whenever it dies."""

    def __init__(self, world: World, dies: Callable[[int], bool]) -> None:
        self._world = world
        self.mortal = Mortal(world.database, dies)
        self._random = random.Random(7)
        self._start()

    def _start(self) -> None:
        self.control = Control(
            database=self.mortal,
            clock=self._world.clock,
            random=self._random.randbytes,
            pokes=self._world.control.pokes,
            settings=self._world.settings,
            library=_LIBRARY,
            programs=self._world.programs,
            releases=self._world.releases,
        )
        self._executions = self._world.engine(self.mortal, self.control, _LIBRARY)

    async def end(self, execution_id: ExecutionId) -> State:
        """Carry it out to its end."""
        while True:
            try:
                await self._carry_on()
            except Killed:
                self._start()
                await self._world.database.write(lambda tx: tx.executions.free_claims())
                continue
            execution = (await self._world.control.executions.get(execution_id)).execution
            if execution.final:
                return execution.state
            await self._world.advance(seconds=1)

    async def _carry_on(self) -> None:
        while claims := await self._executions.claim(1):
            for held in claims:
                await self._executions.look_at(held)


async def _played(path: Path, dies: Callable[[int], bool]) -> int:
    """Run and restart two machines; what was done to them is held against what was asked."""
    async with World(path, engine=False) as world:
        ids = await world.instances(2)
        engine = Engine(world, dies)
        started = await world.control.executions.start(
            NewExecution(
                template=TemplateText(content=_TEMPLATE.read_text()),
                parameters={"targets": {"Type": "ResourceIds", "ResourceIds": ids}},
                by="root",
                account_id="1000000000000001",
            )
        )
        assert await engine.end(started.id) is State.SUCCESS
        await _check(world, ids)
        return engine.mortal.writes


async def _check(world: World, ids: list[InstanceId]) -> None:
    page = await world.control.invocations.find(InvocationFilter(), ALL, with_output=False)
    asked = [view.results[0].target.instance_id for view in page.items]
    assert sorted(asked) == sorted(ids)
    for instance_id in ids:
        machine = world.machine(instance_id)
        assert len(machine.ever_started) == 1
        assert machine.boots == 2


async def test_each_machine_is_run_on_and_restarted_once_whenever_the_engine_is_killed(
    tmp_path: Path,
) -> None:
    (tmp_path / "once").mkdir()
    writes = await _played(tmp_path / "once", lambda _: False)
    every = range(1, writes + 1)
    for at in every if _EVERY else random.Random(_SEED).sample(every, _FEW):
        (tmp_path / str(at)).mkdir()
        await _played(tmp_path / str(at), lambda number, at=at: number == at)  # type: ignore[misc]
