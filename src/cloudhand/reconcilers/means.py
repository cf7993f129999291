"""What executions are carried out with, handed in by whoever puts the control plane together."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from cloudhand.core.clock import Clock
from cloudhand.core.execution import Execution
from cloudhand.core.task import TaskExecution
from cloudhand.orchestration.action import Action, Caller, Poster
from cloudhand.orchestration.actions import ACTIONS
from cloudhand.orchestration.actions.library import Library
from cloudhand.orchestration.model import Template
from cloudhand.orchestration.programs import Programs
from cloudhand.store.database import Database

ITEM_LIMIT = 1000  # of a loop, as documented
_KEPT = 256  # templates that stay parsed


class CallerOf(Protocol):
    """Makes the caller of one attempt at a task, with the rights of its execution."""

    def __call__(self, execution: Execution, task: TaskExecution) -> Caller: ...


class CheckRead(Protocol):
    """Asks whether an execution may read what is in the parameter store."""

    async def __call__(self, execution: Execution, names: Collection[str], *, secret: bool) -> None:
        """evaluation.NotReadable."""


@dataclass(frozen=True, kw_only=True)
class Means:
    database: Database
    clock: Clock
    library: Library
    programs: Programs
    caller_of: CallerOf
    check_read: CheckRead
    post: Poster
    actions: Mapping[str, Action] = field(default_factory=lambda: ACTIONS)
    item_limit: int = ITEM_LIMIT  # of a loop
    _parsed: dict[str, Template] = field(default_factory=dict)

    async def template(self, text_hash: str) -> Template:
        """The template whose text is kept under a hash; TemplateInvalid."""
        found = self._parsed.get(text_hash)
        if found is None:
            found = self.library.parse(await self._text(text_hash))
            if len(self._parsed) >= _KEPT:
                self._parsed.pop(next(iter(self._parsed)))
            self._parsed[text_hash] = found
        return found

    async def _text(self, text_hash: str) -> str:
        async def work(tx: Any) -> str:
            found: str = await tx.templates.text(text_hash)
            return found

        return await self.database.read(work)
