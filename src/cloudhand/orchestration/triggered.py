"""Triggers that wait for a message: each that is brought starts what follows once, in its turn."""

from __future__ import annotations

from cloudhand.core.task import Wait
from cloudhand.orchestration.action import Fires, Outcome, Task, Waits
from cloudhand.orchestration.values import decoded

TRIGGER = "Trigger"  # the type of a notice that brings a message, which is its note


def look(task: Task) -> Outcome:
    handled: int = task.memo.get("handled", 0)
    messages = [one.note for one in task.notices if one.type == TRIGGER]
    if handled < len(messages):
        return Fires(_message(messages[handled]), {"handled": handled + 1})
    return Waits(Wait.TRIGGER, {"handled": handled})


def _message(text: str) -> object:
    try:
        return decoded(text)
    except ValueError:
        return text
