"""CreateTemplate: keep a template, as its first version. All that is wrong with it is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from cloudhand.api.bind import longest, text
from cloudhand.api.oos import errors, fields
from cloudhand.api.oos.product import OOS
from cloudhand.api.oos.shapes import TemplateShape, template_shape
from cloudhand.api.operation import Call, operation
from cloudhand.api.refusal import invalid
from cloudhand.core.errors import NameTaken, TemplateInvalid, TokenReused
from cloudhand.core.orders import NewTemplate


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    template_name: str = fields.template_name(required=True)
    content: str = text("Content", required=True)
    version_name: str = text("VersionName", longest(200, invalid("VersionName")))
    resource_group_id: str = text("ResourceGroupId", note="a label: groups are not managed here")
    tags: Mapping[str, str] | None = fields.tags()


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    template: TemplateShape
    template_type: str = "Automation"


@operation(
    OOS,
    access="write",
    errors={
        TemplateInvalid: errors.BAD_TEMPLATE,
        NameTaken: errors.TEMPLATE_EXISTS,
        TokenReused: errors.TOKEN_REUSED,
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
            by=call.caller.id,
            once=call.once(),
        )
    )
    return Result(template=template_shape(made))
