"""UntagResources: take tags off things, those of some keys or, with All, whatever there are."""

from __future__ import annotations

from dataclasses import dataclass

from cloudhand.api.bind import flag
from cloudhand.api.oos import fields, labels
from cloudhand.api.oos.product import OOS
from cloudhand.api.oos.shapes import Done
from cloudhand.api.operation import Call, operation
from cloudhand.api.refusal import Refused, missing
from cloudhand.core.label import TAG_LIMIT, Labelled

NO_KEYS = missing("TagKeys")


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    resource_type: str = labels.resource_type(required=True)
    resource_ids: tuple[str, ...] = labels.resource_ids(required=True)
    tag_keys: tuple[str, ...] = fields.json_list("TagKeys", at_most=TAG_LIMIT)
    all: bool = flag(note="means something only without TagKeys")


@operation(OOS, access="write", errors=labels.MISSING, refuses=(NO_KEYS,))
async def untag_resources(call: Call, params: Params) -> Done:
    if not params.tag_keys and not params.all:
        raise Refused(NO_KEYS)
    await call.control.labels.untag(
        Labelled(params.resource_type),
        params.resource_ids,
        params.tag_keys or None,
        once=call.once(),
    )
    return Done()
