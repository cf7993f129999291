"""ACS::TimerTrigger: start what follows at certain times, until an end, which ends the execution.

What comes due while an execution that was started so still runs is left out. What came due while
nobody looked is made up for once. Somebody may also fire it by hand. It can only be the first task.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cloudhand.core.task import Wait
from cloudhand.orchestration import triggered
from cloudhand.orchestration.action import Done, Failed, Fires, Outcome, Task, Waits, action, prop
from cloudhand.orchestration.model import END
from cloudhand.orchestration.parameters import Type
from cloudhand.wire import schedule, times

_UNITS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1),
          "week": timedelta(weeks=1)}  # fmt: skip

_RATE = re.compile(r"\s*(?P<count>\d{1,5})\s+(?P<unit>\w+?)s?\s*", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Properties:
    type: str = prop("Type", Type.STRING, note="cron, at or rate")
    expression: str = prop(
        "Expression",
        Type.STRING,
        note="such as `0 0 3 ? * MON-FRI`, `2026-12-01T03:00:00Z`, `30 minutes`",
    )
    time_zone: str = prop(
        "TimeZone", Type.STRING, default="", note="of cron, such as `Asia/Shanghai`; else UTC"
    )
    start_date: str = prop("StartDate", Type.STRING, default="", note="not before this moment")
    end_date: str = prop(
        "EndDate", Type.STRING, default="", note="not from this moment on; it then ends"
    )


@action("ACS::TimerTrigger", loops=False, gives="`scheduledTime` and `triggerTime` of the firing")
async def timer_trigger(task: Task, properties: Properties) -> Outcome:
    try:
        end = _moment(properties.end_date) if properties.end_date else None
        following = _next(task, properties)
    except (ValueError, OverflowError) as error:
        return Failed("InvalidTimer", str(error))
    by_hand = triggered.brought(task)
    if by_hand is not None:
        # When it comes next is found anew: what comes due meanwhile is left out.
        memo = {name: one for name, one in by_hand.memo.items() if name != "next"}
        return Fires(by_hand.message, memo)
    kept = {"handled": task.memo.get("handled", 0)}
    planned = task.memo.get("next")
    if planned is not None and task.now >= (at := datetime.fromisoformat(planned)):
        message = {"scheduledTime": times.second(at), "triggerTime": times.second(task.now)}
        return Fires(message, {**kept, "fired": True})
    if (end is not None and task.now >= end) or following is None:
        return Done({}, following=END)
    if end is not None and following >= end:
        return Waits(Wait.TRIGGER, kept, until=end)
    return Waits(Wait.TRIGGER, {**kept, "next": following.isoformat()}, until=following)


def _next(task: Task, properties: Properties) -> datetime | None:
    """When it comes next, as seen from now; ValueError."""
    # In whole seconds, as moments are told: what is kept of one is less exact than what was read.
    began = task.began_at.replace(microsecond=0)
    start = _moment(properties.start_date) if properties.start_date else began
    match properties.type.lower():
        case "cron":
            where = schedule.zone(properties.time_zone or "UTC")
            before_start = start - timedelta(seconds=1)
            since = task.now if task.now >= start else before_start
            return schedule.cron(properties.expression, where).after(since)
        case "at":
            at = _moment(properties.expression)
            return None if "fired" in task.memo or at < began else at
        case "rate":
            span = _span(properties.expression)
            passed = max(task.now - start, timedelta()) // span
            return start + (passed + 1) * span
    raise ValueError(f"Type: {properties.type} is none of cron, at, rate")


def _span(text: str) -> timedelta:
    """``30 minutes``"""
    match = _RATE.fullmatch(text)
    unit = _UNITS.get(match["unit"].lower()) if match else None
    if match is None or unit is None or not int(match["count"]):
        raise ValueError(f"Expression: {text!r} is no rate like 30 minutes")
    return int(match["count"]) * unit


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
