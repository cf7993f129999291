"""TagResources: put tags on things, all of them or none. A key that is there gets the new value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cloudhand.api.ecs import errors, fields, resource_fields
from cloudhand.api.ecs.product import ECS
from cloudhand.api.ecs.shapes import Done
from cloudhand.api.operation import Call, operation
from cloudhand.api.refusal import Refused
from cloudhand.api.tags import tags
from cloudhand.core.errors import ResourceNotFound, TooMany


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region(absent=errors.NO_RESOURCE_REGION)
    resource_type: str = resource_fields.resource_type()
    resource_ids: tuple[str, ...] = resource_fields.resource_ids()
    tags: Mapping[str, str] = tags("Tag", errors.TAG_ERRORS, longest=128)


@operation(
    ECS,
    access="write",
    errors={ResourceNotFound: errors.NO_SUCH_RESOURCE, TooMany: errors.TOO_MANY_TAGS_ON_ONE},
    refuses=(errors.NO_TAGS,),
)
async def tag_resources(call: Call, params: Params) -> Done:
    if not params.tags:
        raise Refused(errors.NO_TAGS)
    kind = resource_fields.needed(params.resource_type)
    await call.control.tags.put(kind, params.resource_ids, params.tags, once=call.once())
    return Done()
