"""ACS::CheckFor: ask an operation whether a value is one of those wanted.

It asks once, unless the task has `Retries`. The answer of an operation that refuses is looked at as
any other.
"""

from __future__ import annotations

from cloudhand.orchestration.action import Outcome, Task, action
from cloudhand.orchestration.polling import GIVES, Properties, look, watched


@action(
    "ACS::CheckFor",
    retries=True,
    exactly_one=("DesiredValues", "NotDesiredValues"),
    watch=watched,
    gives=GIVES,
)
async def check_for(task: Task, properties: Properties) -> Outcome:
    return await look(task, properties, retries=0)
