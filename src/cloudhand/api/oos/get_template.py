"""GetTemplate: the text of a template, which is stored or public, and what is known of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from cloudhand.api.oos import errors, fields
from cloudhand.api.oos.product import OOS
from cloudhand.api.oos.shapes import AUTOMATION, template_fields
from cloudhand.api.operation import Call, operation
from cloudhand.core.errors import TemplateNotFound
from cloudhand.core.orders import TemplateText


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    template_name: str = fields.template_meant()
    template_version: str = fields.template_version()


class TemplateShape(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    template_id: str
    template_name: str
    template_version: str
    version_name: str
    template_format: str
    template_type: str = AUTOMATION
    description: str
    hash: str
    has_trigger: bool
    share_type: str
    shared_accounts: str = ""  # templates are not shared with other accounts
    resource_group_id: str
    tags: Mapping[str, str]
    created_by: str
    created_date: str
    updated_by: str
    updated_date: str


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    content: str
    template: TemplateShape


@operation(OOS, access="read", errors={TemplateNotFound: errors.NO_SUCH_TEMPLATE})
async def get_template(call: Call, params: Params) -> Result:
    wanted = TemplateText(name=params.template_name, version=params.template_version)
    found, content = await call.control.templates.get(wanted)
    shape = TemplateShape(**template_fields(found), version_name=found.latest.name)
    return Result(content=content, template=shape)
