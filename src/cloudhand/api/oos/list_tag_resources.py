"""ListTagResources: the tags of things that are named, or that have all the given tags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from cloudhand.api.oos import fields, labels
from cloudhand.api.oos.product import OOS
from cloudhand.api.operation import Call, operation
from cloudhand.core.label import Labelled
from cloudhand.core.page import Window


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    resource_type: str = labels.resource_type(required=True)
    resource_ids: tuple[str, ...] = labels.resource_ids()
    tags: Mapping[str, str] | None = fields.tags()
    page: Window = fields.page()


class TagShape(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    resource_type: str
    resource_id: str
    tag_key: str
    tag_value: str


class TagResources(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    tag_resource: Sequence[TagShape]


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    next_token: str
    tag_resources: TagResources


@operation(OOS, access="read")
async def list_tag_resources(call: Call, params: Params) -> Result:
    kind = Labelled(params.resource_type)
    page = await call.control.labels.find(kind, params.resource_ids, params.tags or {}, params.page)
    found = [
        TagShape(
            resource_type=tag.kind.value, resource_id=tag.id, tag_key=tag.key, tag_value=tag.value
        )
        for tag in page.items
    ]
    return Result(next_token=page.next, tag_resources=TagResources(tag_resource=found))
