"""TagResources: put tags on things. A tag that a thing has already gets the new value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cloudhand.api.oos import errors, fields, labels
from cloudhand.api.oos.product import OOS
from cloudhand.api.oos.shapes import Done
from cloudhand.api.operation import Call, operation
from cloudhand.core.errors import TooMany
from cloudhand.core.label import Labelled


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    resource_type: str = labels.resource_type(required=True)
    resource_ids: tuple[str, ...] = labels.resource_ids(required=True)
    tags: Mapping[str, str] = fields.tags(required=True)


@operation(OOS, access="write", errors={**labels.MISSING, TooMany: errors.TOO_MANY_TAGS})
async def tag_resources(call: Call, params: Params) -> Done:
    await call.control.labels.tag(
        Labelled(params.resource_type), params.resource_ids, params.tags, once=call.once()
    )
    return Done()
