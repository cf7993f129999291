"""ListParameters: parameters that match, without their values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from cloudhand.api.bind import text
from cloudhand.api.oos import fields, stored_parameters
from cloudhand.api.oos.product import OOS
from cloudhand.api.oos.stored_parameters import shaped
from cloudhand.api.operation import Call, operation
from cloudhand.core.orders import StoredParameterFilter
from cloudhand.core.page import Page, Window
from cloudhand.core.stored_parameter import StoredParameter, Type


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    name: str = text("Name", note="a part of it")
    path: str = stored_parameters.path()
    recursive: bool = stored_parameters.recursive()
    type: str = fields.choice("Type", (Type.STRING.value, Type.STRING_LIST.value))
    share_type: str = stored_parameters.share_type()
    resource_group_id: str = text("ResourceGroupId")
    tags: Mapping[str, str] | None = fields.tags()
    sort_field: str = fields.sorting(("CreatedDate", "Name"))
    sort_order: str = fields.order()
    page: Window = fields.page()


class ParameterShape(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    id: str
    name: str
    type: str
    description: str
    parameter_version: str
    share_type: str
    resource_group_id: str
    tags: Mapping[str, str]
    created_by: str
    created_date: str
    updated_by: str
    updated_date: str


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    max_results: int
    next_token: str
    total_count: int
    parameters: Sequence[ParameterShape]


@operation(OOS, access="read")
async def list_parameters(call: Call, params: Params) -> Result:
    wanted = StoredParameterFilter(
        secret=False,
        name=params.name,
        path=params.path or None,
        recursive=params.recursive,
        type=params.type,
        resource_group_id=params.resource_group_id,
        tags=params.tags or {},
        sort_field=params.sort_field,
        ascending=params.sort_order == "Ascending",
    )
    page: Page[StoredParameter] = Page(items=(), total=0)
    if params.share_type == "Private":
        page = await call.control.stored_parameters.find(wanted, params.page)
    return Result(
        max_results=params.page.limit,
        next_token=page.next,
        total_count=page.total,
        parameters=[
            shaped(ParameterShape, one, parameter_version=str(one.version.number))
            for one in page.items
        ],
    )
