"""What names mean in the expressions of one execution, at one look at it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from cloudhand.core.clock import Clock
from cloudhand.core.execution import Execution
from cloudhand.orchestration.evaluation import Evaluator, Scope
from cloudhand.orchestration.model import TaskSpec, Template
from cloudhand.orchestration.parameters import stored_names
from cloudhand.orchestration.programs import Programs
from cloudhand.orchestration.pseudo import pseudo
from cloudhand.reconcilers.means import CheckRead
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
        check_read: CheckRead,
    ) -> None:
        self._template = template
        self._execution = execution
        self._database = database
        self._clock = clock
        self._programs = programs
        self._check_read = check_read
        self._parameters = {name.lower(): one for name, one in execution.parameters.items()}
        self._outputs: dict[str, Mapping[str, Any]] = {}  # as far as they were needed

    def remember(self, name: str, outputs: Mapping[str, Any]) -> None:
        """What a task gave just now."""
        self._outputs[name.lower()] = {key.lower(): value for key, value in outputs.items()}

    async def of_task(self, spec: TaskSpec, item: Any = _NO_ITEM) -> Evaluator:
        """``item``: of a loop, whose list itself may be long, and is not needed any more."""
        needs = spec.needs if item is _NO_ITEM else spec.item_needs
        return await self._evaluator(needs, spec.stored, item)

    async def of_results(self) -> Evaluator:
        tasks = frozenset(task.name.lower() for task in self._template.tasks)
        return await self._evaluator(tasks, self._template.stored)

    async def of_embedded(self, template: Template, execution: Execution) -> Scope:
        """What the defaults of an embedded template may refer to."""
        names = stored_names(template.parameters, {})
        return Scope(
            pseudo=pseudo(execution, self._clock.now()),
            stored=await self._stored(names),
            mark=execution.mark,
        )

    async def _evaluator(
        self, needs: frozenset[str], stored: frozenset[str], item: Any = _NO_ITEM
    ) -> Evaluator:
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
            stored=await self._stored(stored),
            mark=self._execution.mark,
        )
        return Evaluator(scope, self._programs)

    async def _stored(self, names: Collection[str]) -> dict[str, Any]:
        """As they are now: the task before may have changed them."""
        if not names:
            return {}
        await self._check_read(self._execution, names, secret=False)

        async def work(tx: Transaction) -> dict[str, Any]:
            return {**await tx.stored_parameters.meanings(names)}

        return await self._database.read(work)

    async def _fetch(self, names: list[str]) -> None:
        async def work(tx: Transaction) -> dict[str, dict[str, Any]]:
            return await tx.tasks.outputs(self._execution.id, names)

        found = await self._database.read(work)
        for name in names:
            self.remember(name, found.get(name, {}))
