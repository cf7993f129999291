"""ListTagKeys: the keys of all tags there are, each once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from cloudhand.api.oos import fields, labels
from cloudhand.api.oos.product import OOS
from cloudhand.api.operation import Call, operation
from cloudhand.core.page import Window


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    resource_type: str = labels.resource_type()
    page: Window = fields.page()


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    max_results: int
    next_token: str
    keys: Sequence[str]


@operation(OOS, access="read")
async def list_tag_keys(call: Call, params: Params) -> Result:
    page = await call.control.labels.keys(labels.kinds(params.resource_type), params.page)
    return Result(max_results=params.page.limit, next_token=page.next, keys=page.items)
