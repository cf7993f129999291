"""DescribeTags: which tags there are, and on how many things of each type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from cloudhand.api import bind
from cloudhand.api.bind import one_of, text
from cloudhand.api.ecs import errors, fields
from cloudhand.api.ecs.product import ECS
from cloudhand.api.ecs.resource_fields import ELSEWHERE, kind
from cloudhand.api.operation import Call, operation
from cloudhand.api.paging import Paging, numbered
from cloudhand.api.tags import tags
from cloudhand.core.page import Page
from cloudhand.core.tag import Kind, Usage


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    resource_type: str = text(
        "ResourceType",
        one_of((*Kind, *ELSEWHERE), errors.NO_SUCH_RESOURCE_TYPE),
        note=f"{', '.join(Kind)}; none: all of them",
    )
    resource_id: str = text()
    tags: Mapping[str, str] = tags(
        "Tag", errors.TAG_ERRORS, longest=128, note="any may match; without a value by its key"
    )
    category: str = bind.without_effect("Category", "all tags are a user's own")
    page: Paging = numbered(page_size=100, usual=50)


class ResourceTypeCount(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    instance: int
    disk: int = 0
    image: int = 0
    snapshot: int = 0
    securitygroup: int = 0
    eni: int = 0
    volume: int = 0
    ddh: int = 0
    key_pair: int = 0
    launch_template: int = 0
    reserved_instance: int = 0
    snapshot_policy: int = 0
    # Extension: types that the real service has tags of, and does not count here.
    command: int
    invocation: int
    activation: int
    managedinstance: int


class Tag(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    tag_key: str
    tag_value: str
    resource_type_count: ResourceTypeCount


class Tags(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    tag: Sequence[Tag]


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    page_size: int
    page_number: int
    total_count: int
    tags: Tags


@operation(ECS, access="read")
async def describe_tags(call: Call, params: Params) -> Result:
    found = await _found(call, params)
    return Result(
        page_size=params.page.size,
        page_number=params.page.number,
        total_count=found.total,
        tags=Tags(tag=[_tag(usage) for usage in found.items]),
    )


async def _found(call: Call, params: Params) -> Page[Usage]:
    only = kind(params.resource_type) if params.resource_type else None
    if params.resource_type and only is None:
        return Page(items=[], total=0)
    return await call.control.tags.usage(
        [only] if only else list(Kind),
        params.page.window,
        thing=params.resource_id,
        tags=params.tags,
    )


def _tag(usage: Usage) -> Tag:
    counts = usage.counts
    return Tag(
        tag_key=usage.key,
        tag_value=usage.value,
        resource_type_count=ResourceTypeCount(
            instance=counts.get(Kind.INSTANCE, 0),
            command=counts.get(Kind.COMMAND, 0),
            invocation=counts.get(Kind.INVOCATION, 0),
            activation=counts.get(Kind.ACTIVATION, 0),
            managedinstance=counts.get(Kind.MANAGED_INSTANCE, 0),
        ),
    )
