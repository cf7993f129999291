"""GetExecutionTemplate: the template of an execution, as it was when that was started."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from cloudhand.api.oos import errors, fields
from cloudhand.api.oos.product import OOS
from cloudhand.api.oos.shapes import template_fields, worded
from cloudhand.api.operation import Call, operation
from cloudhand.control.templates import Templates
from cloudhand.core.errors import ExecutionNotFound, TemplateNotFound
from cloudhand.core.execution import Execution
from cloudhand.core.ids import ExecutionId
from cloudhand.core.orders import TemplateText
from cloudhand.core.template import StoredTemplate
from cloudhand.orchestration import document
from cloudhand.wire import times


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    execution_id: str = fields.execution()


class TemplateShape(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    template_id: str
    template_name: str
    template_version: str
    template_format: str
    description: str
    hash: str
    share_type: str
    tags: Mapping[str, str]
    created_by: str
    created_date: str
    updated_by: str
    updated_date: str


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    content: str
    template: TemplateShape


@operation(OOS, access="read", errors={ExecutionNotFound: errors.NO_SUCH_EXECUTION})
async def get_execution_template(call: Call, params: Params) -> Result:
    execution, content = await call.control.executions.text(ExecutionId(params.execution_id))
    stored = await _stored(call.control.templates, execution)
    told = template_fields(stored) if stored else _given(execution, content)
    shape = {name: told[name] for name in TemplateShape.__struct_fields__}
    return Result(content=content, template=TemplateShape(**shape))


async def _stored(templates: Templates, execution: Execution) -> StoredTemplate | None:
    """None where the template was deleted since, or was given as text."""
    ref = execution.template
    try:
        found, _ = await templates.get(TemplateText(name=ref.name, version=ref.version))
    except TemplateNotFound:
        return None
    return found if found.latest.hash == ref.hash else None


def _given(execution: Execution, content: str) -> dict[str, Any]:
    """What is known of a template from its text, and from whoever started it."""
    read, ref = document.read(content), execution.template
    at = times.second(execution.created_at)
    return {
        "template_id": ref.id,
        "template_name": ref.name,
        "template_version": ref.version,
        "template_format": read.format,
        "description": worded(read.data.get("Description", "")),
        "hash": ref.hash,
        "share_type": "Private",
        "tags": {},
        "created_by": execution.executed_by,
        "created_date": at,
        "updated_by": execution.executed_by,
        "updated_date": at,
    }
