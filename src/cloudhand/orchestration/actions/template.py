"""ACS::Template: execute another template, as a child execution. The engine does so by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cloudhand.orchestration.action import Failed, Outcome, Task, action, prop
from cloudhand.orchestration.parameters import Type


@dataclass(frozen=True, kw_only=True)
class Properties:
    name: str = prop("TemplateName", Type.STRING, default="")
    version: str = prop("TemplateVersion", Type.STRING, default="")
    content: str = prop("TemplateContent", Type.STRING, default="")
    parameters: Any = prop("Parameters", Type.JSON, default=None)


@action("ACS::Template", embedded=True, exactly_one=("TemplateName", "TemplateContent"))
async def template(task: Task, properties: Properties) -> Outcome:
    return Failed("InternalError", "a template is no action that looks")
