"""CreateTemplate: keep a template, as its first version. All that is wrong with it is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from cloudhand.api.bind import text
from cloudhand.api.oos import errors, fields
from cloudhand.api.oos.product import OOS
from cloudhand.api.oos.shapes import AUTOMATION, TemplateShape, template_shape
from cloudhand.api.operation import Call, operation
from cloudhand.core.errors import NameTaken, TemplateInvalid
from cloudhand.core.orders import NewTemplate


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    template_name: str = fields.template_name(required=True)
    content: str = text("Content", required=True)
    version_name: str = fields.version_name()
    resource_group_id: str = fields.resource_group()
    tags: Mapping[str, str] | None = fields.tags()


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    template: TemplateShape
    template_type: str = AUTOMATION


@operation(
    OOS,
    access="write",
    errors={
        TemplateInvalid: errors.BAD_TEMPLATE,
        NameTaken: errors.TEMPLATE_EXISTS,
    },
)
async def create_template(call: Call, params: Params) -> Result:
    made = await call.control.templates.create(
        NewTemplate(
            name=params.template_name,
            content=params.content,
            version_name=params.version_name,
            resource_group_id=params.resource_group_id,
            tags=params.tags,
            by=str(call.caller),
            once=call.once(),
        )
    )
    return Result(template=template_shape(made))
