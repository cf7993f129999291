"""ACS::Template: execute another template, as a child execution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cloudhand.orchestration.action import Failed, Outcome, Task, action, prop
from cloudhand.orchestration.parameters import Type


@dataclass(frozen=True, kw_only=True)
class Properties:
    name: str = prop("TemplateName", Type.STRING, default="", note="a stored or a public one")
    version: str = prop(
        "TemplateVersion", Type.STRING, default="", note="such as `v2`; else the newest"
    )
    content: str = prop("TemplateContent", Type.STRING, default="", note="its text")
    parameters: Any = prop(
        "Parameters", Type.JSON, default=None, note="its parameters, by their names"
    )


@action(
    "ACS::Template",
    embedded=True,
    exactly_one=("TemplateName", "TemplateContent"),
    gives="the outputs of that template, by their names",
)
async def template(task: Task, properties: Properties) -> Outcome:
    # The engine starts the child by itself.
    return Failed("InternalError", "a template is no action that looks")
