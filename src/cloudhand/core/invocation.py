"""One invocation, its targets, and every rule that changes their state.

The state of a target changes by this table or nowhere. Stores save what it decides; faces
only bring events.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from cloudhand.core.account import OWNER
from cloudhand.core.command import Command
from cloudhand.core.ids import BootId, InstanceId, InvokeId
from cloudhand.core.machine import IllegalMove, Machine
from cloudhand.wire.receipt import Receipt

# How long after its own timeout the end of a task may reach us, before we say that nobody
# knows: the agent needs time to end a tree and to come back from a short cut.
GRACE = timedelta(seconds=60)
# The ErrorCode of what a person said had ended.
BY_HAND = "FinishedByHand"


class State(StrEnum):
    """State of one target. The values are the wire's InvocationStatus."""

    PENDING = "Pending"  # not yet known to have started
    SCHEDULED = "Scheduled"  # will run, or run again: at a moment, or when its machine starts
    RUNNING = "Running"
    STOPPING = "Stopping"  # a stop was asked for; the process may still run
    SUCCESS = "Success"  # exit code 0, or a power exit code
    FAILED = "Failed"  # ended by itself with another exit code
    ERROR = "Error"  # could not go on; the error code says why
    TIMEOUT = "Timeout"
    CANCELLED = "Cancelled"  # stopped before it started
    TERMINATED = "Terminated"  # stopped while it ran
    INVALID = "Invalid"  # refused by the agent before it started
    ABORTED = "Aborted"  # never reached its agent


class Event(StrEnum):
    """What can happen to a target."""

    FIRED = "fired"  # a run of it is due
    LEFT_OUT = "left out"  # a run was due while another one had not ended
    AGAIN = "again"  # a run has ended, and others follow
    STARTED = "started"
    VERIFIED = "verified"  # a dry run found nothing wrong
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    BROKE = "broke"  # the agent could not start or watch it, or never spoke of it again
    OVERRAN = "overran"
    REFUSED = "refused"
    STOP_ASKED = "stop asked"  # of a target that its agent may have
    CANCELLED = "cancelled"  # a stop was asked of a target that its agent never had or started
    STOPPED = "stopped"
    UNDELIVERED = "undelivered"
    GONE = "gone"  # its machine is no more, or nobody answers for it
    INTERRUPTED = "interrupted"  # its machine or its watcher went down under it


_OUTCOMES = {
    Event.VERIFIED: State.SUCCESS,
    Event.SUCCEEDED: State.SUCCESS,
    Event.FAILED: State.FAILED,
    Event.OVERRAN: State.TIMEOUT,
    Event.REFUSED: State.INVALID,
    Event.BROKE: State.ERROR,
    Event.GONE: State.ERROR,
    Event.INTERRUPTED: State.ERROR,
    Event.STOPPED: State.TERMINATED,
}

TARGET = Machine[State, Event](
    State.PENDING,
    {
        # A report of the start can be lost, so every outcome can be the first that is heard.
        State.PENDING: {
            **_OUTCOMES,
            Event.STARTED: State.RUNNING,
            Event.STOP_ASKED: State.STOPPING,
            Event.CANCELLED: State.CANCELLED,
            Event.UNDELIVERED: State.ABORTED,
            Event.LEFT_OUT: State.PENDING,
            Event.AGAIN: State.SCHEDULED,
        },
        State.SCHEDULED: {
            Event.FIRED: State.PENDING,
            Event.CANCELLED: State.CANCELLED,
            Event.GONE: State.ERROR,
        },
        State.RUNNING: {
            **_OUTCOMES,
            Event.STOP_ASKED: State.STOPPING,
            Event.LEFT_OUT: State.RUNNING,
            Event.AGAIN: State.SCHEDULED,
        },
        # The process may end by itself before the stop reaches it: the outcome wins.
        State.STOPPING: {**_OUTCOMES, Event.CANCELLED: State.CANCELLED},
        State.SUCCESS: {},
        State.FAILED: {},
        State.ERROR: {},
        State.TIMEOUT: {},
        State.CANCELLED: {},
        State.TERMINATED: {},
        State.INVALID: {},
        State.ABORTED: {},
    },
)


# A run that has not ended. Whatever is in one of them has a deadline, and nothing else has.
UNFINISHED = frozenset({State.PENDING, State.RUNNING, State.STOPPING})


class RepeatMode(StrEnum):
    ONCE = "Once"
    PERIOD = "Period"  # at the moments that its frequency names
    NEXT_REBOOT_ONLY = "NextRebootOnly"  # when the machine has started the next time
    EVERY_REBOOT = "EveryReboot"  # and each time after
    DRY_RUN = "DryRun"

    @property
    def repeats(self) -> bool:
        """Whether runs come by themselves, so that each has a number."""
        return self not in (RepeatMode.ONCE, RepeatMode.DRY_RUN)


@dataclass(frozen=True, kw_only=True)
class Invocation:
    """One request to run a command on instances.

    Of one that repeats, command, parameters and frequency can be changed; else tags and group only.
    """

    id: InvokeId
    command: Command
    created_at: datetime
    repeat_mode: RepeatMode = RepeatMode.ONCE
    frequency: str = ""  # of a period, as it was given
    username: str = ""
    password_name: str = ""  # what its password, on Windows, is called where the agent reads it
    by: str = OWNER  # who asked, or changed it last: with whose rights the store is read
    parameters: Mapping[str, str] = field(default_factory=dict)
    termination_mode: str = ""  # Process, ProcessTree; empty: not said
    resource_group_id: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Target:
    """The part of an invocation that belongs to one instance; where it repeats, its last run.

    A run of it that is past is told as a target, too, in the state in which that run ended.
    """

    invoke_id: InvokeId
    instance_id: InstanceId
    run: int = 0  # which run it is, from 1; 0: it does not repeat, or has not run yet
    state: State = State.PENDING
    version: int = 0
    created_at: datetime
    updated_at: datetime
    deadline_at: datetime | None  # when somebody must decide; None unless a run is unfinished
    next_at: datetime | None = None  # when it runs next
    on_boot: bool = False  # runs next when its machine is in another boot than ``boot_id``
    fetched_at: datetime | None = None  # first time it was handed to its agent
    started_at: datetime | None = None  # by the machine's clock
    finished_at: datetime | None = None  # by the machine's clock
    stop_asked_at: datetime | None = None
    boot_id: BootId | None = None  # of the machine when it was handed out, or last asked for
    exit_code: int | None = None
    error_code: str = ""  # a per-instance ErrorCode of the wire
    error_info: str = ""
    dropped: int = 0  # bytes of output left out
    inferred: bool = False  # the verdict was reached without hearing the agent
    receipt: Receipt | None = None  # how its agent ended its processes, if it did and says so

    @property
    def final(self) -> bool:
        return self.state in TARGET.final

    @property
    def comes_again(self) -> bool:
        return self.next_at is not None or self.on_boot

    @property
    def key(self) -> RunKey:
        return self.invoke_id, self.instance_id, self.run

    @property
    def task_id(self) -> str:
        """What its agent calls it: agents run each id once."""
        return f"{self.invoke_id}.{self.run}" if self.run else self.invoke_id


RunKey = tuple[InvokeId, InstanceId, int]


def of_task_id(task_id: str) -> tuple[InvokeId, int]:
    """The invocation and the number of the run; of no known one if it is none of ours."""
    invoke_id, _, run = task_id.partition(".")
    # A spelling that we do not use is no run of ours.
    known = run.isascii() and run.isdigit() and not run.startswith("0") and len(run) < 10
    return (InvokeId(invoke_id), int(run)) if known else (InvokeId(task_id), 0)


class Overall(StrEnum):
    """State of a whole invocation. The values are the wire's InvocationStatus."""

    PENDING = "Pending"
    SCHEDULED = "Scheduled"
    RUNNING = "Running"
    STOPPING = "Stopping"
    STOPPED = "Stopped"
    FAILED = "Failed"
    SUCCESS = "Success"
    PARTIAL_FAILED = "PartialFailed"


STOPPED_STATES = frozenset({State.CANCELLED, State.TERMINATED})
FAILURE_STATES = frozenset({State.FAILED, State.ERROR, State.TIMEOUT, State.INVALID, State.ABORTED})


def overall(states: Iterable[State]) -> Overall:
    """The state of an invocation from the states of its targets.

    Success together with Stopped is Success: the published text says so where it speaks of that
    case alone, although its sentence about PartialFailed would cover it too.
    """
    seen = set(states)
    for state, whole in (
        (State.PENDING, Overall.PENDING),
        (State.SCHEDULED, Overall.SCHEDULED),
        (State.RUNNING, Overall.RUNNING),
        (State.STOPPING, Overall.STOPPING),
    ):
        if state in seen:
            return whole
    if seen <= STOPPED_STATES:
        return Overall.STOPPED
    failed = bool(seen & FAILURE_STATES)
    if State.SUCCESS in seen:
        return Overall.PARTIAL_FAILED if failed else Overall.SUCCESS
    return Overall.FAILED


def corrected(target: Target, event: Event) -> State:
    """The state that an agent's word gives to a target whose verdict was only inferred.

    IllegalMove when the verdict was not inferred: it stands.
    """
    if not target.inferred:
        raise IllegalMove(target.state, event)
    return TARGET.move(State.STOPPING if target.stop_asked_at else State.RUNNING, event)
