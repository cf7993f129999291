"""ACS::Pause: wait for somebody to approve or to reject."""

from __future__ import annotations

from dataclasses import dataclass

from cloudhand.core.task import Wait
from cloudhand.orchestration.action import Cancelled, Done, Outcome, Task, Waits, action


@dataclass(frozen=True, kw_only=True)
class Properties:
    pass


@action("ACS::Pause", loops=False)
async def pause(task: Task, properties: Properties) -> Outcome:
    for notice in task.notices:
        if notice.type == "Reject":
            return Cancelled(f"{notice.by} rejected it")
        return Done({})
    return Waits(Wait.PAUSE)
