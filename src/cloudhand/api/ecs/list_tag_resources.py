"""ListTagResources: the tags of things that are named, or that have all of some tags.

The key acs:rm:rgId asks for the things of a resource group, which is then told as their tag.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from cloudhand.api import bind
from cloudhand.api.ecs import errors, fields, resource_fields
from cloudhand.api.ecs.product import ECS
from cloudhand.api.operation import Call, operation
from cloudhand.api.paging import Paging, following
from cloudhand.api.refusal import Refused, invalid
from cloudhand.core.page import Page
from cloudhand.core.tag import Attached
from cloudhand.wire import rpc

_GROUP = "acs:rm:rgId"
_GROUP_ALONE = invalid("Tag", f"has {_GROUP} alone, with the id of a resource group")


def _tags() -> Any:
    """Other than elsewhere, where a tag is put on something."""

    def read(flat: bind.Flat, wire: str) -> Mapping[str, str]:
        given = rpc.records(flat, wire)
        if len(given) > 20:
            raise Refused(errors.TAG_ERRORS.too_many)
        if any(not one.get("Key") for one in given):
            raise Refused(errors.VALUE_WITHOUT_KEY)
        return {one["Key"]: one.get("Value", "") for one in given}

    return bind.custom(
        read,
        kind="Tags",
        names=("Tag",),
        note="all must match; a key without a value matches any; at most 20",
        errors=(errors.TAG_ERRORS.too_many, errors.VALUE_WITHOUT_KEY),
    )


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region(absent=errors.NO_RESOURCE_REGION)
    resource_type: str = resource_fields.resource_type()
    resource_ids: tuple[str, ...] = resource_fields.resource_ids(required=False)
    tags: Mapping[str, str] = _tags()
    tag_filter: None = bind.not_served("TagFilter", "it is in preview, for those who are invited")
    page: Paging = following(size=50)


class TagResource(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    resource_id: str
    resource_type: str
    tag_key: str
    tag_value: str


class TagResources(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    tag_resource: Sequence[TagResource]


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    next_token: str
    tag_resources: TagResources


@operation(ECS, access="read", refuses=(errors.NO_RESOURCE_IDS, _GROUP_ALONE))
async def list_tag_resources(call: Call, params: Params) -> Result:
    if not params.resource_ids and not params.tags:
        raise Refused(errors.NO_RESOURCE_IDS)
    if _GROUP in params.tags and (len(params.tags) > 1 or not params.tags[_GROUP]):
        raise Refused(_GROUP_ALONE)
    found = await _found(call, params)
    return Result(
        next_token=params.page.next_token(found),
        tag_resources=TagResources(
            tag_resource=[
                TagResource(
                    resource_id=one.id,
                    resource_type=params.resource_type,
                    tag_key=one.key or _GROUP,
                    tag_value=one.value,
                )
                for one in found.items
            ]
        ),
    )


async def _found(call: Call, params: Params) -> Page[Attached]:
    kind, window, ids = (
        resource_fields.kind(params.resource_type),
        params.page.window,
        params.resource_ids,
    )
    if kind is None:
        return Page(items=[], total=0)
    tags = call.control.tags
    group = params.tags.get(_GROUP)
    if group is not None:
        return await tags.members(kind, window, ids=ids, resource_group_id=group)
    return await tags.find(kind, window, ids=ids, tags=params.tags)
