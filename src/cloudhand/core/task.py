"""One run of a task of an execution, and every rule that changes its state.

A task that is looped has a run for each item, whose parent it is. A task that embeds another
template has a child execution.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from cloudhand.core.ids import ExecutionId, TaskExecutionId
from cloudhand.core.machine import Machine


class State(StrEnum):
    """State of one run of a task. The values are the wire's Status."""

    PENDING = "Pending"  # an item of a loop whose turn has not come
    RUNNING = "Running"
    WAITING = "Waiting"  # for a person, a moment or an event
    SUCCESS = "Success"
    FAILED = "Failed"
    CANCELLED = "Cancelled"
    SKIPPED = "Skipped"  # its condition was false, somebody said so, or its turn never came


class Event(StrEnum):
    """What can happen to a task."""

    BEGUN = "begun"
    WAITS = "waits"
    WOKEN = "woken"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"


_ENDS = {
    Event.SUCCEEDED: State.SUCCESS,
    Event.FAILED: State.FAILED,
    Event.CANCELLED: State.CANCELLED,
    Event.SKIPPED: State.SKIPPED,
}

TASK = Machine[State, Event](
    State.PENDING,
    {
        State.PENDING: {
            Event.BEGUN: State.RUNNING,
            Event.WAITS: State.WAITING,
            Event.FAILED: State.FAILED,
            Event.CANCELLED: State.CANCELLED,
            Event.SKIPPED: State.SKIPPED,
        },
        State.RUNNING: {**_ENDS, Event.WAITS: State.WAITING},
        State.WAITING: {**_ENDS, Event.WOKEN: State.RUNNING},
        State.SUCCESS: {},
        State.FAILED: {},
        State.CANCELLED: {},
        State.SKIPPED: {},
    },
)


class Wait(StrEnum):
    """What a task waits for. The values are the wire's WaitingStatus."""

    NOTHING = ""
    APPROVAL = "Approval"
    PAUSE = "Pause"
    RISK = "RiskConfirmation"
    BATCH = "BatchPause"
    FAILURE = "FailurePause"
    TRIGGER = "Trigger"
    CHILD = "Child"  # its child execution waits


@dataclass(frozen=True, kw_only=True)
class Notice:
    """What somebody has told a waiting task."""

    type: str  # Approve, Reject
    by: str
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Loop:
    """How far a looped task is."""

    rate: Mapping[str, Any]  # its rate control, as it was understood
    total: int
    begun: int = 0
    active: int = 0  # begun and not ended
    waiting: int = 0  # active ones that wait for a person, a moment or an event
    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0
    skipped: int = 0
    passed: int = 0  # pauses between batches that somebody has ended


@dataclass(frozen=True, kw_only=True)
class TaskExecution:
    """One run of a task, or of one item of a looped task."""

    id: TaskExecutionId
    execution_id: ExecutionId
    name: str
    action: str
    state: State = State.PENDING
    version: int = 0
    parent_id: TaskExecutionId | None = None  # of a loop item
    index: int  # of the task in the template; of the item in the loop
    batch: int = 0  # of a loop item, from 0
    item: Any = None
    attempt: int = 1
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    updated_at: datetime
    due_at: datetime | None = None  # when its action looks next; None: once something happens
    properties: Mapping[str, Any] = field(default_factory=dict)
    memo: Mapping[str, Any] = field(default_factory=dict)  # what its action must remember
    outputs: Mapping[str, Any] = field(default_factory=dict)
    following: str = ""  # the task that a choice chose
    child_id: ExecutionId | None = None
    error_code: str = ""
    message: str = ""
    waits_for: Wait = Wait.NOTHING
    cancel_asked: bool = False
    notices: tuple[Notice, ...] = ()
    loop: Loop | None = None
    # Paths of what is not to be shown, from properties, outputs or item.
    hidden: tuple[tuple[str | int, ...], ...] = ()
    wakes: int = 0  # how often something that it watches had changed when it was read

    @property
    def final(self) -> bool:
        return self.state in TASK.final


def moved(task: TaskExecution, event: Event, *, at: datetime, **changes: Any) -> TaskExecution:
    """The task after an event that it hears; IllegalMove otherwise."""
    state = TASK.move(task.state, event)
    if state in TASK.final:
        changes = {"ended_at": at, "due_at": None, "waits_for": Wait.NOTHING, **changes}
    return noted(task, at=at, state=state, **changes)


def noted(task: TaskExecution, *, at: datetime, **changes: Any) -> TaskExecution:
    return replace(task, version=task.version + 1, updated_at=at, **changes)


def failure(task: TaskExecution) -> str:
    """Why a task has failed, or what else is to be said of it."""
    return ": ".join(filter(None, (task.error_code, task.message)))


# Which count of a loop an item that has ended belongs to.
COUNTERS = {
    State.SUCCESS: "succeeded",
    State.FAILED: "failed",
    State.CANCELLED: "cancelled",
    State.SKIPPED: "skipped",
}


def counted(loop: Loop, before: State, after: State) -> Loop:
    """The counts of a loop once one of its items has gone from one state to another."""
    change = {"begun": 0, "active": 0, "waiting": 0}
    if before is State.PENDING:
        change["begun"] += 1
    else:
        change["active"] -= 1
        change["waiting"] -= before is State.WAITING
    if after in TASK.final:
        change[COUNTERS[after]] = 1
    else:
        change["active"] += 1
        change["waiting"] += after is State.WAITING
    return replace(loop, **{name: getattr(loop, name) + count for name, count in change.items()})
