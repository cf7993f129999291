"""ACS::WaitFor: ask an operation again and again until a value is one of those wanted.

It asks 10 times more, unless the task has other `Retries`; and at once, which uses up none of them,
when an instance, a command or an execution changes that its parameters name. The answer of an
operation that refuses is looked at as any other.
"""

from __future__ import annotations

from cloudhand.orchestration.action import Outcome, Task, action
from cloudhand.orchestration.polling import GIVES, Properties, look, watched

_RETRIES = 10


@action(
    "ACS::WaitFor",
    retries=True,
    exactly_one=("DesiredValues", "NotDesiredValues"),
    watch=watched,
    gives=GIVES,
)
async def wait_for(task: Task, properties: Properties) -> Outcome:
    return await look(task, properties, retries=_RETRIES)
