"""ListTemplates: one's own templates, and the public ones that come with Cloudhand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from cloudhand.api import bind
from cloudhand.api.bind import flag, text
from cloudhand.api.oos import fields
from cloudhand.api.oos.product import OOS
from cloudhand.api.oos.shapes import AUTOMATION, template_fields
from cloudhand.api.operation import Call, operation
from cloudhand.core.orders import TemplateFilter
from cloudhand.core.page import Page, Window
from cloudhand.core.template import StoredTemplate

_TRIGGERS = frozenset({"AlarmTrigger", "EventTrigger", "TimerTrigger"})
_OTHER = "Other"
_SORTS = ("TotalExecutionCount", "Popularity", "TemplateName", "CreatedDate", "UpdatedDate")
_POPULARITY = 1  # of a public template, whose use nobody counts; the least that there is
_NONE = -1  # of what is not counted for the other kind of template


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    template_name: str = text("TemplateName", note="a part of it")
    share_type: str = fields.choice("ShareType", ("Private", "Public"), note="both unless given")
    created_by: str = text("CreatedBy", note="ACS: the public ones")
    template_format: str = fields.choice("TemplateFormat", ("JSON", "YAML"))
    template_type: str = fields.choice(
        "TemplateType", (AUTOMATION, "State", "Package"), note=f"all here are {AUTOMATION}"
    )
    category: str = fields.choice("Category", (*sorted(_TRIGGERS), _OTHER))
    has_trigger: bool | None = flag(default=None)
    is_example: bool = flag(note="nothing is one here")
    is_favorite: bool = flag(note="nothing is one here")
    resource_group_id: str = text("ResourceGroupId")
    tags: Mapping[str, str] | None = fields.tags()
    created_date_after: datetime | None = bind.moment("CreatedDateAfter")
    created_date_before: datetime | None = bind.moment("CreatedDateBefore", last=True)
    sort_field: str = fields.sorting(_SORTS)
    sort_order: str = fields.order()
    page: Window = fields.page()


class TemplateShape(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    template_id: str
    template_name: str
    template_version: str
    version_name: str
    template_format: str
    template_type: str = AUTOMATION
    category: str
    constraints: str = ""
    description: str
    hash: str
    has_trigger: bool
    is_favorite: bool = False
    share_type: str
    publisher: str
    popularity: int
    total_execution_count: int
    resource_group_id: str
    tags: Mapping[str, str]
    created_by: str
    created_date: str
    updated_by: str
    updated_date: str


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    max_results: int
    next_token: str
    templates: Sequence[TemplateShape]


@operation(OOS, access="read")
async def list_templates(call: Call, params: Params) -> Result:
    page = await _found(call, params)
    return Result(
        max_results=params.page.limit,
        next_token=page.next,
        templates=[_shape(one) for one in page.items],
    )


async def _found(call: Call, params: Params) -> Page[StoredTemplate]:
    categories = _categories(params)
    strange = params.template_type not in ("", AUTOMATION)
    if params.is_example or params.is_favorite or strange or not categories:
        return Page(items=(), total=0)
    wanted = TemplateFilter(
        name=params.template_name,
        public=params.share_type == "Public" if params.share_type else None,
        created_by=params.created_by,
        format=params.template_format,
        categories=categories,
        resource_group_id=params.resource_group_id,
        tags=params.tags or {},
        created_from=params.created_date_after,
        created_until=params.created_date_before,
        sort_field=params.sort_field,
        ascending=params.sort_order == "Ascending",
    )
    return await call.control.templates.find(wanted, params.page)


def _categories(params: Params) -> frozenset[str]:
    """Those that both parameters allow."""
    found = _TRIGGERS | {""}
    if params.category:
        found &= {"" if params.category == _OTHER else params.category}
    if params.has_trigger is not None:
        found &= _TRIGGERS if params.has_trigger else {""}
    return found


def _shape(one: StoredTemplate) -> TemplateShape:
    return TemplateShape(
        **template_fields(one),
        version_name=one.latest.name,
        category=one.latest.trigger_category or _OTHER,
        publisher=one.created_by if one.public else "",
        popularity=_POPULARITY if one.public else _NONE,
        total_execution_count=_NONE if one.public else one.execution_count,
    )
