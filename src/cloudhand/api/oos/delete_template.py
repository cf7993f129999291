"""DeleteTemplate: delete a template with all its versions. What executes it goes on."""

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
    template_name: str = fields.template_meant()
    auto_delete_executions: bool = flag(note="with its executions, as far as they have ended")


@operation(OOS, access="write", errors={TemplateNotFound: errors.NO_SUCH_TEMPLATE})
async def delete_template(call: Call, params: Params) -> Done:
    await call.control.templates.delete(
        [params.template_name], with_executions=params.auto_delete_executions, once=call.once()
    )
    return Done()
