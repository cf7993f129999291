"""ListTemplateVersions: the versions of a template, the newest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from cloudhand.api.oos import errors, fields
from cloudhand.api.oos.product import OOS
from cloudhand.api.oos.shapes import worded
from cloudhand.api.operation import Call, operation
from cloudhand.core.errors import TemplateNotFound
from cloudhand.core.page import Window
from cloudhand.core.template import TemplateVersion
from cloudhand.wire import times


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    template_name: str = fields.template_meant()
    share_type: str = fields.choice("ShareType", ("Private", "Public"), note="either unless given")
    page: Window = fields.page()


class VersionShape(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    template_version: str
    version_name: str
    template_format: str
    description: str
    updated_by: str
    updated_date: str


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    max_results: int
    next_token: str
    template_versions: Sequence[VersionShape]


@operation(OOS, access="read", errors={TemplateNotFound: errors.NO_SUCH_TEMPLATE})
async def list_template_versions(call: Call, params: Params) -> Result:
    public = params.share_type == "Public" if params.share_type else None
    page = await call.control.templates.versions(params.template_name, params.page, public=public)
    return Result(
        max_results=params.page.limit,
        next_token=page.next,
        template_versions=[_shape(one) for one in page.items],
    )


def _shape(one: TemplateVersion) -> VersionShape:
    return VersionShape(
        template_version=f"v{one.number}",
        version_name=one.name,
        template_format=one.format,
        description=worded(one.description),
        updated_by=one.created_by,
        updated_date=times.second(one.created_at),
    )
