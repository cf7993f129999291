"""What names mean in the expressions of one execution, at one look at it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudhand.core.clock import Clock
from cloudhand.core.execution import Execution
from cloudhand.orchestration.evaluation import Evaluator, Scope
from cloudhand.orchestration.model import TaskSpec, Template
from cloudhand.orchestration.programs import Programs
from cloudhand.orchestration.pseudo import pseudo
from cloudhand.store.database import Database
from cloudhand.store.transaction import Transaction

_NO_ITEM: Any = object()


class Scopes:
    def __init__(
        self,
        template: Template,
        execution: Execution,
        *,
        database: Database,
        clock: Clock,
        programs: Programs,
    ) -> None:
        self._template = template
        self._execution = execution
        self._database = database
        self._clock = clock
        self._programs = programs
        self._parameters = {name.lower(): one for name, one in execution.parameters.items()}
        self._outputs: dict[str, Mapping[str, Any]] = {}  # as far as they were needed

    def remember(self, name: str, outputs: Mapping[str, Any]) -> None:
        """What a task gave just now."""
        self._outputs[name.lower()] = {key.lower(): value for key, value in outputs.items()}

    async def of_task(self, spec: TaskSpec, item: Any = _NO_ITEM) -> Evaluator:
        """``item``: of a loop, whose list itself may be long, and is not needed any more."""
        needs = spec.needs if item is _NO_ITEM else spec.item_needs
        return await self._evaluator(needs, item)

    async def of_results(self) -> Evaluator:
        return await self._evaluator(frozenset(t.name.lower() for t in self._template.tasks))

    async def _evaluator(self, needs: frozenset[str], item: Any = _NO_ITEM) -> Evaluator:
        missing = sorted(needs - self._outputs.keys())
        if missing:
            await self._fetch(missing)
        meant = pseudo(self._execution, self._clock.now())
        if item is not _NO_ITEM:
            meant["taskloopitem"] = item
        scope = Scope(
            parameters=self._parameters,
            outputs=self._outputs,
            pseudo=meant,
            conditions=self._template.conditions,
        )
        return Evaluator(scope, self._programs)

    async def _fetch(self, names: list[str]) -> None:
        async def work(tx: Transaction) -> dict[str, dict[str, Any]]:
            return await tx.tasks.outputs(self._execution.id, names)

        found = await self._database.read(work)
        for name in names:
            self.remember(name, found.get(name, {}))
