"""ACS::EventTrigger: start what follows for each event that TriggerExecution brings.

There is no source of events here that would be filtered: what describes the events is kept, and
whoever triggers it decides. It can only be the first task.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cloudhand.orchestration import triggered
from cloudhand.orchestration.action import Outcome, Task, action, prop


@dataclass(frozen=True, kw_only=True)
class Properties:
    product: Any = prop("Product", default=None)
    name: Any = prop("Name", default=None)
    level: Any = prop("Level", default=None)
    content: Any = prop("Content", default=None)
    region_id: Any = prop("RegionId", default=None)
    tags: Any = prop("Tags", default=None)
    output_transformer: Any = prop("OutputTransformer", default=None)


@action("ACS::EventTrigger", loops=False, gives=triggered.GIVES)
async def event_trigger(task: Task, properties: Properties) -> Outcome:
    return triggered.look(task)
