"""One execution of a template, and every rule that changes its state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from cloudhand.core.ids import ExecutionId, TaskExecutionId
from cloudhand.core.machine import Machine
from cloudhand.core.task import Wait


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


@dataclass(frozen=True, kw_only=True)
class TemplateRef:
    """Which template an execution executes."""

    name: str
    version: str = ""
    id: str = ""
    hash: str  # SHA-256 of its text, which is kept under it


@dataclass(frozen=True, kw_only=True)
class Hidden:
    """What of an execution is not to be shown, by names in lower case."""

    parameters: frozenset[str] = frozenset()
    outputs: frozenset[str] = frozenset()


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
    hidden: Hidden = Hidden()
    # Of what stands for secrets in it and in all that is started for it. Nobody is told.
    mark: str = ""

    @property
    def final(self) -> bool:
        return self.state in EXECUTION.final


def moved(execution: Execution, event: Event, *, at: datetime, **changes: Any) -> Execution:
    """The execution after an event that it hears; IllegalMove otherwise."""
    state = EXECUTION.move(execution.state, event)
    return noted(execution, at=at, state=state, **changes)


def noted(execution: Execution, *, at: datetime, **changes: Any) -> Execution:
    return replace(execution, version=execution.version + 1, updated_at=at, **changes)
