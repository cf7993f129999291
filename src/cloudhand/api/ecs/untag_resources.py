"""UntagResources: take tags off things, all of them or none. What is not there need not be."""

from __future__ import annotations

from dataclasses import dataclass

from cloudhand.api.bind import flag, many
from cloudhand.api.ecs import errors, fields, resource_fields
from cloudhand.api.ecs.product import ECS
from cloudhand.api.ecs.shapes import Done
from cloudhand.api.operation import Call, operation
from cloudhand.api.refusal import Refused
from cloudhand.core.errors import ResourceNotFound


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region(absent=errors.NO_RESOURCE_REGION)
    resource_type: str = resource_fields.resource_type()
    resource_ids: tuple[str, ...] = resource_fields.resource_ids()
    tag_keys: tuple[str, ...] = many("TagKey", at_most=20, too_many=errors.TAG_ERRORS.too_many)
    all: bool = flag(note="take all off; only without TagKey")


@operation(
    ECS,
    access="write",
    errors={ResourceNotFound: errors.NO_SUCH_RESOURCE},
    refuses=(errors.NO_TAG_KEYS,),
)
async def untag_resources(call: Call, params: Params) -> Done:
    if not params.tag_keys and not params.all:
        raise Refused(errors.NO_TAG_KEYS)
    kind = resource_fields.needed(params.resource_type)
    keys = params.tag_keys or None
    await call.control.tags.remove(kind, params.resource_ids, keys, once=call.once())
    return Done()
