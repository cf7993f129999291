"""UpdateTemplate: give a template a new version. All that is wrong with it is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from cloudhand.api.bind import text
from cloudhand.api.oos import errors, fields
from cloudhand.api.oos.product import OOS
from cloudhand.api.oos.shapes import TemplateShape, template_shape
from cloudhand.api.operation import Call, operation
from cloudhand.core.errors import TemplateInvalid, TemplateNotFound
from cloudhand.core.orders import NewTemplate


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    template_name: str = fields.template_meant()
    content: str = text("Content", required=True)
    version_name: str = fields.version_name()
    resource_group_id: str = fields.resource_group()
    tags: Mapping[str, str] | None = fields.tags()


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    template: TemplateShape


@operation(
    OOS,
    access="write",
    errors={TemplateInvalid: errors.BAD_TEMPLATE, TemplateNotFound: errors.NO_SUCH_TEMPLATE},
)
async def update_template(call: Call, params: Params) -> Result:
    changed = await call.control.templates.update(
        NewTemplate(
            name=params.template_name,
            content=params.content,
            version_name=params.version_name,
            resource_group_id=params.resource_group_id or None,
            tags=params.tags,
            by=str(call.caller),
            once=call.once(),
        )
    )
    return Result(template=template_shape(changed))
