"""What executions are carried out with, handed in by whoever puts the control plane together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from cloudhand.core.clock import Clock
from cloudhand.core.execution import Execution, TaskExecution
from cloudhand.orchestration.action import Caller, Poster
from cloudhand.orchestration.actions.library import Library
from cloudhand.orchestration.model import Template
from cloudhand.orchestration.programs import Programs
from cloudhand.store.database import Database

_KEPT = 256  # templates that stay parsed


class CallerOf(Protocol):
    """Makes the caller of one attempt at a task, with the rights of its execution."""

    def __call__(self, execution: Execution, task: TaskExecution) -> Caller: ...


class Secrets(Protocol):
    """Looks up what is in the parameter store, with the rights of an execution."""

    async def common(self, execution: Execution, names: Sequence[str]) -> Mapping[str, Any]: ...

    async def secret(self, execution: Execution, name: str) -> str: ...


@dataclass(frozen=True, kw_only=True)
class Means:
    database: Database
    clock: Clock
    library: Library
    programs: Programs
    caller_of: CallerOf
    post: Poster
    item_limit: int = 1000  # of a loop, as documented
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
