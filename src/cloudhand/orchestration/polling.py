"""One look of a task that asks an operation until a value is as it should be."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cloudhand.orchestration import retrying, values
from cloudhand.orchestration.action import Again, Done, Failed, Outcome, Task, prop
from cloudhand.orchestration.parameters import Type
from cloudhand.orchestration.values import shown

SOON = timedelta(seconds=2)  # until what passes has passed

# What is said of actions that call an operation, and of their properties.
GIVES = "the answer of the operation"
SERVICE_NOTE = "the product, such as `ECS`"
API_NOTE = "the operation, such as `DescribeInstances`"
PARAMETERS_NOTE = "those of the operation, as its page names them"
PAGING_NOTE = "whether all pages of a list are had, as one"
RISK_NOTE = "`High`: somebody has to confirm the call; `Normal`: nobody; else its name decides"

_IDS = re.compile(r"(?:i|mi|t|exec)-[a-z0-9.]+")


@dataclass(frozen=True, kw_only=True)
class Properties:
    service: str = prop("Service", Type.STRING, note=SERVICE_NOTE)
    api: str = prop("API", Type.STRING, note=API_NOTE)
    parameters: Any = prop(
        "Parameters", Type.JSON, default=None, secrets=True, note=PARAMETERS_NOTE
    )
    property_selector: str = prop(
        "PropertySelector",
        Type.STRING,
        note="a jq program: what it finds first in the answer is the value",
    )
    desired_values: Any = prop(
        "DesiredValues", default=None, note="the value is to be one of these"
    )
    not_desired_values: Any = prop(
        "NotDesiredValues", default=None, note="the value is to be none of these"
    )
    stop_retry_values: Any = prop(
        "StopRetryValues", default=None, note="values with which it fails at once"
    )
    auto_paging: bool = prop("AutoPaging", Type.BOOLEAN, default=True, note=PAGING_NOTE)
    risk: str = prop("Risk", Type.STRING, default="", note=RISK_NOTE)

    def __post_init__(self) -> None:
        parameters_of(self.parameters)


async def look(task: Task, properties: Properties, *, retries: int) -> Outcome:
    """Ask once. A look before its time, because something has changed, uses up no retry.

    The answer of an operation that refuses is looked at as any other.
    """
    try:
        retry = retrying.read(task.retry, retries=retries)
        wanted = _wanted(properties)
    except ValueError as error:
        return Failed("InvalidProperty", str(error))
    number = task.memo.get("look", 0)
    reply = await task.call(
        properties.service,
        properties.api,
        parameters_of(properties.parameters),
        effect=str(number),
        pages=properties.auto_paging,
    )
    if reply.transient:
        return Again(SOON, task.memo)
    value = await task.select(properties.property_selector, reply.body)
    if _among(value, wanted) is (properties.desired_values is not None):
        return Done(reply.body)
    told = f"it is {shown(value)}"
    if properties.desired_values is not None:
        told += f", not {' or '.join(shown(one) for one in wanted)}"
    if _among(value, _list(properties.stop_retry_values)):
        return Failed("UnexpectedValue", told)
    used, next_at = task.memo.get("used", 0), _moment(task.memo.get("next"))
    if next_at is None or task.now >= next_at:
        if used >= retry.retries:
            return Failed("RetriesUsedUp" if retry.retries else "UnexpectedValue", told)
        used += 1
        next_at = task.now + retry.pause(used)
    memo = {"look": number + 1, "used": used, "next": next_at.isoformat()}
    return Again(next_at - task.now, memo)


def parameters_of(given: Any) -> Mapping[str, Any]:
    """Those of a call; ValueError."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise ValueError(f"Parameters: {shown(given)} is no map")
    return given


def watched(given: Mapping[str, Any]) -> list[str]:
    """The ids in the parameters of a call: what becomes of them may be what is waited for."""
    return list(dict.fromkeys(ids_in(given.get("Parameters"))))


def ids_in(given: Any) -> Iterator[str]:
    if isinstance(given, str):
        if _IDS.fullmatch(given):
            yield given
    elif isinstance(given, Mapping):
        for one in given.values():
            yield from ids_in(one)
    elif isinstance(given, list):
        for one in given:
            yield from ids_in(one)


def _wanted(properties: Properties) -> list[Any]:
    if (properties.desired_values is None) is (properties.not_desired_values is None):
        raise ValueError("either DesiredValues or NotDesiredValues must be given")
    if properties.desired_values is not None:
        return _list(properties.desired_values)
    return _list(properties.not_desired_values)


def _list(given: Any) -> list[Any]:
    if given is None:
        return []
    return given if isinstance(given, list) else [given]


def _among(value: Any, many: list[Any]) -> bool:
    return any(values.same(value, one) for one in many)


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
