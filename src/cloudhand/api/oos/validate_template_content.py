"""ValidateTemplateContent: what a template declares, or all that is wrong with it.

Each thing that is wrong is told with its place, its line and the name that was probably meant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from cloudhand.api.bind import text
from cloudhand.api.oos import errors, fields
from cloudhand.api.oos.product import OOS
from cloudhand.api.oos.shapes import as_json, worded
from cloudhand.api.operation import Call, operation
from cloudhand.api.refusal import Refused
from cloudhand.core.errors import Problem, TemplateInvalid
from cloudhand.orchestration import values
from cloudhand.orchestration.model import TaskSpec


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    content: str = text("Content")
    template_url: str = fields.template_url()


class TaskShape(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    name: str
    type: str
    description: str
    properties: str  # JSON text
    outputs: str  # JSON text


class WarningShape(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    path: str
    message: str
    line: int | msgspec.UnsetType


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    parameters: str  # JSON text
    outputs: str  # JSON text
    ram_role: str
    tasks: Sequence[TaskShape]
    # What the real service does not tell: what will fail, or is not as it seems.
    warnings: Sequence[WarningShape]


@operation(
    OOS,
    access="read",
    errors={TemplateInvalid: errors.BAD_TEMPLATE},
    refuses=(errors.NO_CONTENT, errors.NO_URLS),
)
async def validate_template_content(call: Call, params: Params) -> Result:
    if params.template_url:
        raise Refused(errors.NO_URLS)
    if not params.content:
        raise Refused(errors.NO_CONTENT)
    template = await call.control.templates.check(params.content)
    raw = template.raw
    return Result(
        parameters=as_json(raw.get("Parameters") or {}),
        outputs=as_json(raw.get("Outputs") or {}),
        ram_role=values.text(raw.get("RamRole")),
        tasks=[_task(one, raw["Tasks"][one.index]) for one in template.tasks],
        warnings=[_warning(one) for one in template.warnings],
    )


def _task(one: TaskSpec, raw: Mapping[str, Any]) -> TaskShape:
    return TaskShape(
        name=one.name,
        type=one.action,
        description=worded(one.description),
        properties=as_json(raw.get("Properties") or {}),
        outputs=as_json(raw.get("Outputs") or {}),
    )


def _warning(one: Problem) -> WarningShape:
    return WarningShape(path=one.path, message=one.text, line=one.line or msgspec.UNSET)
