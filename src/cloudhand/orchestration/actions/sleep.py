"""ACS::Sleep: wait for a span of time, or until a moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cloudhand.orchestration import durations
from cloudhand.orchestration.action import Again, Done, Failed, Outcome, Task, action, prop
from cloudhand.orchestration.parameters import Type

_SHORTEST = timedelta(seconds=1)


@dataclass(frozen=True, kw_only=True)
class Properties:
    duration: str = prop("Duration", Type.STRING, default="", note="such as `PT5M`, `30s`, `1H`")
    end_date: str = prop(
        "EndDate", Type.STRING, default="", note="a moment, such as `2026-12-01T03:00:00Z`"
    )


@action("ACS::Sleep", loops=False, exactly_one=("Duration", "EndDate"))
async def sleep(task: Task, properties: Properties) -> Outcome:
    try:
        until = _until(task, properties)
    except (ValueError, OverflowError) as error:
        return Failed("InvalidProperty", str(error))
    return Done({}) if task.now >= until else Again(until - task.now)


def _until(task: Task, properties: Properties) -> datetime:
    if properties.duration:
        return task.began_at + max(durations.parse(properties.duration), _SHORTEST)
    end = datetime.fromisoformat(properties.end_date)
    return end.replace(tzinfo=UTC) if end.tzinfo is None else end
