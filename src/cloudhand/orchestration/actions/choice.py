"""ACS::Choice: go on with the task of the first condition that is true, or with the default."""

from __future__ import annotations

from dataclasses import dataclass

from cloudhand.orchestration.action import Done, Outcome, Task, action, prop
from cloudhand.orchestration.parameters import Type


@dataclass(frozen=True, kw_only=True)
class Properties:
    """The choices have been made one expression when the template was read."""

    following: str = prop("Next", Type.STRING)


@action(
    "ACS::Choice",
    loops=False,
    written={
        "DefaultTask": {"Type": "String", "Description": "a later task, ACS::NEXT or ACS::END"},
        "Choices": {"Type": "List", "Description": "each with `When`, a condition, and `NextTask`"},
    },
)
async def choice(task: Task, properties: Properties) -> Outcome:
    return Done({}, following=properties.following)
