"""ACS::SelectTargets: find the instances that filters describe.

A filter is one of `{Type: ResourceIds, ResourceIds: [i-1, i-2]}`,
`{Type: Tags, Tags: [{Key: env, Value: prod}]}`, `{Type: ResourceGroup, ResourceGroupId: rg-1}` and
`{Type: All}`; any may have a `RegionId`. What several of them find is found once, and what is not
there is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cloudhand.orchestration.action import (
    Again,
    Caller,
    Done,
    Failed,
    Outcome,
    Reply,
    Task,
    action,
    prop,
)
from cloudhand.orchestration.parameters import Type
from cloudhand.orchestration.polling import SOON
from cloudhand.orchestration.values import shown, text

_SERVED = "ALIYUN::ECS::Instance, ALIYUN::ECS::ManagedInstance"


@dataclass(frozen=True, kw_only=True)
class Properties:
    resource_type: str = prop("ResourceType", Type.STRING, note=_SERVED)
    region_id: str = prop("RegionId", Type.STRING, default="", note="else that of the execution")
    filters: Any = prop("Filters", Type.LIST, note="what any of them finds")


@dataclass(frozen=True, kw_only=True)
class _Kind:
    """How the resources of one type are listed."""

    api: str
    ids: str  # the parameter that names them
    at_once: int  # ids that one call takes
    path: tuple[str, ...]  # of the list in the answer


_KINDS = {
    "aliyun::ecs::instance": _Kind(
        api="DescribeInstances", ids="InstanceIds", at_once=100, path=("Instances", "Instance")
    ),
    "aliyun::ecs::managedinstance": _Kind(
        api="DescribeManagedInstances", ids="InstanceId", at_once=50, path=("Instances",)
    ),
}


class _Refused(Exception):
    def __init__(self, reply: Reply) -> None:
        super().__init__()
        self.reply = reply


@action(
    "ACS::SelectTargets",
    loops=False,
    gives=(
        "the answer of DescribeInstances or DescribeManagedInstances: by `Instances.Instance[]` or"
        " `Instances[]`"
    ),
)
async def select_targets(task: Task, properties: Properties) -> Outcome:
    kind = _KINDS.get(properties.resource_type.lower())
    if kind is None:
        told = f"{properties.resource_type} is not served here: {_SERVED} are"
        return Failed("UnsupportedResourceType", told)
    found: dict[str, Any] = {}
    try:
        for one in properties.filters:
            for query in _queries(one, kind):
                region = properties.region_id or task.region_id
                for item in await _listed(task.call, kind, {"RegionId": region, **query}):
                    found.setdefault(item["InstanceId"], item)
    except ValueError as error:
        return Failed("InvalidFilter", str(error))
    except _Refused as refused:
        return Again(SOON) if refused.reply.transient else refused.reply.failed()
    return Done(_document(kind, list(found.values())))


async def _listed(call: Caller, kind: _Kind, query: Mapping[str, Any]) -> list[Any]:
    """In the order in which they are named, if they are; what is no more is left out."""
    reply = await call("ECS", kind.api, query, effect="")
    if reply.refused:
        raise _Refused(reply)
    items: Any = reply.body
    for name in kind.path:
        items = items[name]
    order = {wanted: at for at, wanted in enumerate(query.get(kind.ids, ()))}
    return sorted(items, key=lambda item: order.get(item["InstanceId"], 0))


def _document(kind: _Kind, items: Sequence[Any]) -> dict[str, Any]:
    document: Any = list(items)
    for name in reversed(kind.path):
        document = {name: document}
    return {**document, "TotalCount": len(items)}


def _queries(given: Any, kind: _Kind) -> list[dict[str, Any]]:
    """The calls that one filter needs; ValueError."""
    if not isinstance(given, Mapping):
        raise ValueError(f"{shown(given)} is no filter like {{Type: ResourceIds, ResourceIds: …}}")
    by_lower = {key.lower(): value for key, value in given.items()}
    region = by_lower.get("regionid")
    common = {"RegionId": text(region)} if region else {}
    filter_type = text(by_lower.get("type") or _guessed(by_lower))
    match filter_type.lower():
        case "resourceids" | "resourceid":
            named = [text(one) for one in _list(by_lower.get("resourceids")) if one]
            ids = list(dict.fromkeys(named))
            parts = [ids[at : at + kind.at_once] for at in range(0, len(ids), kind.at_once)]
            return [{**common, kind.ids: part} for part in parts]
        case "tags" | "tag":
            tags = by_lower.get("tags")
            if isinstance(tags, Mapping):
                tags = [{"Key": key, "Value": value} for key, value in tags.items()]
            if not tags:
                raise ValueError("a filter by tags has no Tags")
            return [{**common, "Tags": tags}]
        case "resourcegroup" | "resourcegroupid":
            group = text(by_lower.get("resourcegroupid"))
            if not group:
                raise ValueError("a filter by resource group has no ResourceGroupId")
            return [{**common, "ResourceGroupId": group}]
        case "all":
            return [common]
    raise ValueError(f"{shown(filter_type)} is none of ResourceIds, Tags, ResourceGroup, All")


def _guessed(given: Mapping[str, Any]) -> str:
    """What a filter without a type filters by."""
    return next((key for key in ("resourceids", "tags", "resourcegroupid") if key in given), "")


def _list(given: Any) -> list[Any]:
    if given is None:
        return []
    return given if isinstance(given, list) else [given]
