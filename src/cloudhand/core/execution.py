"""One execution of a template, its tasks, and every rule that changes their states.

A task that is looped has a task of its own for each item, whose parent it is. A task that embeds
another template has a child execution.
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
    """State of an execution. The values are the wire's Status."""

    STARTED = "Started"
    QUEUED = "Queued"
    RUNNING = "Running"
    WAITING = "Waiting"  # for a person, a moment or an event
    SUCCESS = "Success"
    FAILED = "Failed"
    CANCELLED = "Cancelled"


class Event(StrEnum):
    """What can happen to an execution."""

    QUEUED = "queued"
    BEGUN = "begun"
    WAITS = "waits"
    WOKEN = "woken"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


_ENDS = {
    Event.SUCCEEDED: State.SUCCESS,
    Event.FAILED: State.FAILED,
    Event.CANCELLED: State.CANCELLED,
}

EXECUTION = Machine[State, Event](
    State.STARTED,
    {
        State.STARTED: {
            Event.QUEUED: State.QUEUED,
            Event.BEGUN: State.RUNNING,
            Event.FAILED: State.FAILED,
            Event.CANCELLED: State.CANCELLED,
        },
        State.QUEUED: {Event.BEGUN: State.RUNNING, Event.CANCELLED: State.CANCELLED},
        State.RUNNING: {**_ENDS, Event.WAITS: State.WAITING},
        # A trigger succeeds while it waits, when its end has come.
        State.WAITING: {**_ENDS, Event.WOKEN: State.RUNNING},
        State.SUCCESS: {},
        State.FAILED: {},
        State.CANCELLED: {},
    },
)


class TaskState(StrEnum):
    """State of one run of a task. The values are the wire's Status."""

    PENDING = "Pending"  # an item of a loop whose turn has not come
    RUNNING = "Running"
    WAITING = "Waiting"  # for a person, a moment or an event
    SUCCESS = "Success"
    FAILED = "Failed"
    CANCELLED = "Cancelled"
    SKIPPED = "Skipped"  # its condition was false, somebody said so, or its turn never came


class TaskEvent(StrEnum):
    """What can happen to a task."""

    BEGUN = "begun"
    WAITS = "waits"
    WOKEN = "woken"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"


_TASK_ENDS = {
    TaskEvent.SUCCEEDED: TaskState.SUCCESS,
    TaskEvent.FAILED: TaskState.FAILED,
    TaskEvent.CANCELLED: TaskState.CANCELLED,
    TaskEvent.SKIPPED: TaskState.SKIPPED,
}

TASK = Machine[TaskState, TaskEvent](
    TaskState.PENDING,
    {
        TaskState.PENDING: {
            TaskEvent.BEGUN: TaskState.RUNNING,
            TaskEvent.WAITS: TaskState.WAITING,
            TaskEvent.FAILED: TaskState.FAILED,
            TaskEvent.CANCELLED: TaskState.CANCELLED,
            TaskEvent.SKIPPED: TaskState.SKIPPED,
        },
        TaskState.RUNNING: {**_TASK_ENDS, TaskEvent.WAITS: TaskState.WAITING},
        TaskState.WAITING: {**_TASK_ENDS, TaskEvent.WOKEN: TaskState.RUNNING},
        TaskState.SUCCESS: {},
        TaskState.FAILED: {},
        TaskState.CANCELLED: {},
        TaskState.SKIPPED: {},
    },
)


class Mode(StrEnum):
    """What a failing task does to its execution. The values are the wire's Mode."""

    AUTOMATIC = "Automatic"
    FAILURE_PAUSE = "FailurePause"  # it waits to be tried again or skipped


class SafetyCheck(StrEnum):
    CONFIRM = "ConfirmEveryHighRiskAction"
    SKIP = "Skip"


class Cancel(StrEnum):
    """Whether somebody wants the execution to end."""

    NO = ""
    ASKED = "asked"
    HEARD = "heard"  # the task that ran then is being cancelled


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
class TemplateRef:
    """Which template an execution executes."""

    name: str
    version: str = ""
    id: str = ""
    hash: str  # SHA-256 of its text, which is kept under it


@dataclass(frozen=True, kw_only=True)
class Execution:
    id: ExecutionId
    root_id: ExecutionId  # the execution that somebody started; its own id where it is that one
    parent_task_id: TaskExecutionId | None = None
    template: TemplateRef
    state: State = State.STARTED
    version: int = 0
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    updated_at: datetime
    due_at: datetime | None  # when somebody must look; None: once something it waits for happens
    parameters: Mapping[str, Any] = field(default_factory=dict)  # by declared name
    outputs: Mapping[str, Any] | None = None
    status_message: str = ""
    waits_for: Wait = Wait.NOTHING
    cancel: Cancel = Cancel.NO
    mode: Mode = Mode.AUTOMATIC
    safety_check: SafetyCheck = SafetyCheck.CONFIRM
    loop_mode: str = "Automatic"
    ram_role: str = ""
    executed_by: str  # the caller's access key
    account_id: str
    region_id: str
    description: str = ""
    resource_group_id: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    triggered: Any = None  # the message that fired it, where it is the child of a trigger
    trigger_category: str = ""  # TimerTrigger, EventTrigger, AlarmTrigger

    @property
    def final(self) -> bool:
        return self.state in EXECUTION.final


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
    state: TaskState = TaskState.PENDING
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
    wakes: int = 0  # how often something that it watches had changed when it was read

    @property
    def final(self) -> bool:
        return self.state in TASK.final


def moved(execution: Execution, event: Event, *, at: datetime, **changes: Any) -> Execution:
    """The execution after an event that it hears; IllegalMove otherwise."""
    state = EXECUTION.move(execution.state, event)
    return noted(execution, at=at, state=state, **changes)


def noted(execution: Execution, *, at: datetime, **changes: Any) -> Execution:
    return replace(execution, version=execution.version + 1, updated_at=at, **changes)


def task_moved(
    task: TaskExecution, event: TaskEvent, *, at: datetime, **changes: Any
) -> TaskExecution:
    """The task after an event that it hears; IllegalMove otherwise."""
    state = TASK.move(task.state, event)
    if state in TASK.final:
        changes = {"ended_at": at, "due_at": None, "waits_for": Wait.NOTHING, **changes}
    return task_noted(task, at=at, state=state, **changes)


def task_noted(task: TaskExecution, *, at: datetime, **changes: Any) -> TaskExecution:
    return replace(task, version=task.version + 1, updated_at=at, **changes)


# Which count of a loop an item that has ended belongs to.
COUNTERS = {
    TaskState.SUCCESS: "succeeded",
    TaskState.FAILED: "failed",
    TaskState.CANCELLED: "cancelled",
    TaskState.SKIPPED: "skipped",
}


def counted(loop: Loop, before: TaskState, after: TaskState) -> Loop:
    """The counts of a loop once one of its items has gone from one state to another."""
    change = {"begun": 0, "active": 0, "waiting": 0}
    if before is TaskState.PENDING:
        change["begun"] += 1
    else:
        change["active"] -= 1
        change["waiting"] -= before is TaskState.WAITING
    if after in TASK.final:
        change[COUNTERS[after]] = 1
    else:
        change["active"] += 1
        change["waiting"] += after is TaskState.WAITING
    return replace(loop, **{name: getattr(loop, name) + count for name, count in change.items()})
