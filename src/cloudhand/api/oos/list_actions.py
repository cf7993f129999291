"""ListActions: what the tasks of a template can do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from cloudhand.api.bind import text
from cloudhand.api.oos import fields
from cloudhand.api.oos.product import OOS
from cloudhand.api.oos.shapes import as_json, worded
from cloudhand.api.operation import Call, operation
from cloudhand.api.paging import cut
from cloudhand.control.templates import PUBLISHED_AT
from cloudhand.core.page import Window
from cloudhand.orchestration.actions import ACTIONS
from cloudhand.wire import times

_API = ("ACS::CheckFor", "ACS::ExecuteAPI", "ACS::WaitFor")


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    name: str = text("OOSActionName", note="a part of it")
    page: Window = fields.page(least=20)


class ActionShape(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    name: str = msgspec.field(name="OOSActionName")
    action_type: str
    description: str
    properties: str  # JSON text
    # Only actions of products are templates, and so have versions.
    template_version: str | msgspec.UnsetType = msgspec.UNSET
    created_date: str = times.second(PUBLISHED_AT)
    popularity: int = 0  # nobody counts their use


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    max_results: int
    next_token: str
    actions: Sequence[ActionShape]


@operation(OOS, access="read")
async def list_actions(call: Call, params: Params) -> Result:
    wanted = params.name.lower()
    found = [one for one in (*_atomic(), *_of_products(call)) if wanted in one.name.lower()]
    page = cut(sorted(found, key=lambda one: one.name), params.page)
    return Result(max_results=params.page.limit, next_token=page.next, actions=page.items)


def _atomic() -> Iterator[ActionShape]:
    for one in ACTIONS.values():
        yield ActionShape(
            name=one.spec.name,
            action_type=f"Atomic.{_kind(one.spec.name, embedded=one.spec.embedded)}",
            description=one.summary[:1].upper() + one.summary[1:],
            properties=as_json(one.properties),
        )


def _kind(name: str, *, embedded: bool) -> str:
    if embedded:
        return "Embedded"
    if name.endswith("Trigger"):
        return "Trigger"
    return "API" if name in _API else "Control"


def _of_products(call: Call) -> Iterator[ActionShape]:
    for stored, template in call.control.templates.product_actions():
        yield ActionShape(
            name=stored.name,
            action_type=f"Product.{stored.name.split('::')[1]}",
            description=worded(stored.latest.description),
            properties=as_json(template.raw.get("Parameters") or {}),
            template_version=f"v{stored.latest.number}",
        )
