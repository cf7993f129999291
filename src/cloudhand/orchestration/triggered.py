"""Triggers that wait for a message: each that is brought starts what follows once, in its turn."""

from __future__ import annotations

from cloudhand.core.task import Wait
from cloudhand.orchestration.action import Fires, Outcome, Task, Waits
from cloudhand.orchestration.values import decoded

TRIGGER = "Trigger"  # the type of a notice that brings a message, which is its note
GIVES = "the `Content` that TriggerExecution brought"


def look(task: Task) -> Outcome:
    return brought(task) or Waits(Wait.TRIGGER, {"handled": task.memo.get("handled", 0)})


def brought(task: Task) -> Fires | None:
    """The next message that somebody has brought, if there is one; the memo counts them."""
    handled: int = task.memo.get("handled", 0)
    messages = [one.note for one in task.notices if one.type == TRIGGER]
    if handled == len(messages):
        return None
    return Fires(_message(messages[handled]), {**task.memo, "handled": handled + 1})


def _message(text: str) -> object:
    try:
        return decoded(text)
    except ValueError:
        return text
