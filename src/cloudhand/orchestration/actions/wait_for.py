"""ACS::WaitFor: ask an operation again and again until a value is one of those wanted."""

from __future__ import annotations

from cloudhand.orchestration.action import Outcome, Task, action
from cloudhand.orchestration.polling import Properties, look, watched

_RETRIES = 10


@action(
    "ACS::WaitFor", retries=True, exactly_one=("DesiredValues", "NotDesiredValues"), watch=watched
)
async def wait_for(task: Task, properties: Properties) -> Outcome:
    return await look(task, properties, retries=_RETRIES)
