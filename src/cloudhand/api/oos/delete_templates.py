"""DeleteTemplates: delete several templates with all their versions, or none of them."""

from __future__ import annotations

from dataclasses import dataclass

from cloudhand.api.bind import flag
from cloudhand.api.oos import errors, fields
from cloudhand.api.oos.product import OOS
from cloudhand.api.oos.shapes import Done
from cloudhand.api.operation import Call, operation
from cloudhand.core.errors import TemplateNotFound


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    template_names: tuple[str, ...] = fields.json_list("TemplateNames", at_most=100, required=True)
    auto_delete_executions: bool = flag(note="with their executions, as far as they have ended")


@operation(OOS, access="write", errors={TemplateNotFound: errors.NO_SUCH_TEMPLATE})
async def delete_templates(call: Call, params: Params) -> Done:
    await call.control.templates.delete(
        params.template_names, with_executions=params.auto_delete_executions, once=call.once()
    )
    return Done()
