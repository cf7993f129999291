"""JoinResourceGroup: say which resource group a thing belongs to. Groups are labels here."""

from __future__ import annotations

from dataclasses import dataclass

from cloudhand.api.bind import text
from cloudhand.api.ecs import errors, fields, resource_fields
from cloudhand.api.ecs.product import ECS
from cloudhand.api.ecs.shapes import Done
from cloudhand.api.operation import Call, operation
from cloudhand.core.errors import ResourceNotFound
from cloudhand.core.tag import Kind

# The real service moves no invocations: they belong where they were asked for.
_KINDS = tuple(kind for kind in Kind if kind is not Kind.INVOCATION)


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    resource_type: str = resource_fields.resource_type(_KINDS)
    resource_id: str = text(required=True)
    resource_group_id: str = text(required=True)


@operation(ECS, access="write", errors={ResourceNotFound: errors.NO_SUCH_RESOURCE})
async def join_resource_group(call: Call, params: Params) -> Done:
    kind = resource_fields.needed(params.resource_type)
    await call.control.tags.join(
        kind, params.resource_id, params.resource_group_id, once=call.once()
    )
    return Done()
