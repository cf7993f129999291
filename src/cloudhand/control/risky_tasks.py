"""Which tasks of a template somebody may have to confirm, those of embedded templates included."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from cloudhand.control.templates import Templates
from cloudhand.core.errors import TemplateInvalid, TemplateNotFound
from cloudhand.core.orders import TemplateText
from cloudhand.orchestration.expression import Literal
from cloudhand.orchestration.model import TaskSpec, Template
from cloudhand.orchestration.risk import risky
from cloudhand.orchestration.values import text

_EMBED = "ACS::Template"
_DEEPEST = 8  # templates in each other, as far as they are executed
_MOST = 1000  # embedded templates that are looked at: each may embed others many times


@dataclass(frozen=True, kw_only=True)
class RiskyTask:
    """``tasks`` and ``templates`` lead there from the outermost one."""

    service: str
    api: str
    tasks: tuple[str, ...]
    templates: tuple[str, ...]


async def risky_tasks(templates: Templates, name: str) -> list[RiskyTask]:
    """TemplateNotFound. What is known only when a task runs is left out."""
    stored, content = await templates.get(TemplateText(name=name))
    walk = _Walk(templates)
    template = await templates.check(content)
    return [one async for one in walk.below(template, (), (stored.name,))]


class _Walk:
    def __init__(self, templates: Templates) -> None:
        self._templates = templates
        self._left = _MOST
        self._parsed: dict[TemplateText, Template | None] = {}

    async def below(
        self, template: Template, tasks: tuple[str, ...], names: tuple[str, ...]
    ) -> AsyncIterator[RiskyTask]:
        for task in template.tasks:
            given = {
                name: one.value for name, one in task.properties.items() if isinstance(one, Literal)
            }
            chain = (*tasks, task.name)
            if "API" in given and risky(given):
                yield RiskyTask(
                    service=text(given.get("Service")),
                    api=text(given["API"]),
                    tasks=chain,
                    templates=names,
                )
            inner = await self._embedded(task, given, names) if task.embedded else None
            if inner is not None:
                name, embedded = inner
                async for one in self.below(embedded, chain, (*names, name)):
                    yield one

    async def _embedded(
        self, task: TaskSpec, given: Mapping[str, Any], names: tuple[str, ...]
    ) -> tuple[str, Template] | None:
        """The template that a task embeds; None where it would not be executed."""
        name = text(given.get("TemplateName")) if task.action == _EMBED else task.action
        content = text(given.get("TemplateContent")) if task.action == _EMBED else ""
        embeds_itself = name.lower() in map(str.lower, names)
        if embeds_itself or len(names) >= _DEEPEST or not (name or content) or not self._left:
            return None
        self._left -= 1
        version = text(given.get("TemplateVersion"))
        found = await self._template(TemplateText(name=name, version=version, content=content))
        return (name, found) if found else None

    async def _template(self, wanted: TemplateText) -> Template | None:
        if wanted not in self._parsed:
            try:
                _, content = await self._templates.meant(wanted)
                self._parsed[wanted] = await self._templates.check(content)
            except (TemplateInvalid, TemplateNotFound):
                self._parsed[wanted] = None
        return self._parsed[wanted]
