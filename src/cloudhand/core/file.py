"""A file that is sent to instances, and every rule that changes what became of it on each.

The state of a target changes by this table or nowhere, as with commands.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from cloudhand.core.ids import InstanceId, InvokeId
from cloudhand.core.machine import IllegalMove, Machine
from cloudhand.core.orders import Once

CONTENT_LIMIT = 32 * 1024  # bytes, after base64
TARGET_LIMIT = 50  # instances that one call sends to
# The first published agents that take files, by their system.
TAKEN_SINCE = {"linux": (1, 2, 569), "windows": (1, 0, 149)}


class State(StrEnum):
    """State of one target. The values are the wire's InvocationStatus."""

    PENDING = "Pending"  # its agent has not fetched it
    RUNNING = "Running"  # handed to its agent
    SUCCESS = "Success"
    FAILED = "Failed"  # could not be written
    ERROR = "Error"  # its machine is no more
    TIMEOUT = "Timeout"  # its agent never said what became of it
    INVALID = "Invalid"  # refused by its agent before anything was written
    ABORTED = "Aborted"  # never reached its agent


class Event(StrEnum):
    """What can happen to a target."""

    FETCHED = "fetched"
    WRITTEN = "written"
    FAILED = "failed"
    REFUSED = "refused"
    SILENT = "silent"
    UNDELIVERED = "undelivered"
    GONE = "gone"


FILE_TARGET = Machine[State, Event](
    State.PENDING,
    {
        State.PENDING: {
            Event.FETCHED: State.RUNNING,
            Event.UNDELIVERED: State.ABORTED,
            Event.GONE: State.ERROR,
        },
        State.RUNNING: {
            Event.WRITTEN: State.SUCCESS,
            Event.FAILED: State.FAILED,
            Event.REFUSED: State.INVALID,
            Event.SILENT: State.TIMEOUT,
            Event.GONE: State.ERROR,
        },
        State.SUCCESS: {},
        State.FAILED: {},
        State.ERROR: {},
        State.TIMEOUT: {},
        State.INVALID: {},
        State.ABORTED: {},
    },
)


@dataclass(frozen=True, kw_only=True)
class File:
    """What is written, and where. Owner, group and mode empty: as the agent has it."""

    name: str
    directory: str
    content: bytes
    owner: str = ""
    group: str = ""
    mode: str = ""  # octal
    overwrite: bool = False
    in_base64: bool = False  # how its content was given, and is told again


@dataclass(frozen=True, kw_only=True)
class FileInvocation:
    """One request to send a file to instances."""

    id: InvokeId
    file: File
    created_at: datetime
    timeout: int = 60  # seconds that an agent may take
    description: str = ""
    resource_group_id: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class FileTarget:
    """The part of it that belongs to one instance."""

    invoke_id: InvokeId
    instance_id: InstanceId
    state: State = State.PENDING
    version: int = 0
    created_at: datetime
    updated_at: datetime
    deadline_at: datetime | None  # when somebody must decide; None once final
    fetched_at: datetime | None = None
    finished_at: datetime | None = None
    error_code: str = ""  # a per-instance ErrorCode of the wire
    error_info: str = ""
    inferred: bool = False  # the verdict was reached without hearing the agent

    @property
    def final(self) -> bool:
        return self.state in FILE_TARGET.final


class Overall(StrEnum):
    """State of a whole file invocation. The values are the wire's InvocationStatus."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUCCESS = "Success"
    FAILED = "Failed"
    PARTIAL_FAILED = "PartialFailed"


def overall(states: Iterable[State]) -> Overall:
    seen = set(states)
    if State.PENDING in seen:
        return Overall.PENDING
    if State.RUNNING in seen:
        return Overall.RUNNING
    if State.SUCCESS not in seen:
        return Overall.FAILED
    return Overall.SUCCESS if seen == {State.SUCCESS} else Overall.PARTIAL_FAILED


def corrected(target: FileTarget, event: Event) -> State:
    """The state that an agent's word gives to a target whose verdict was only inferred.

    IllegalMove when the verdict was not inferred: it stands.
    """
    if not target.inferred:
        raise IllegalMove(target.state, event)
    return FILE_TARGET.move(State.RUNNING, event)


@dataclass(frozen=True, kw_only=True)
class SendOrder:
    """Send a file to instances."""

    file: File
    instance_ids: Sequence[InstanceId]
    timeout: int = 60
    description: str = ""
    resource_group_id: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    once: Once | None = None


@dataclass(frozen=True, kw_only=True)
class FileFilter:
    """All given ones must match; None and empty mean any."""

    invoke_id: InvokeId | None = None
    instance_id: InstanceId | None = None
    name: str = ""
    states: frozenset[str] = frozenset()  # overall ones
    resource_group_id: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class FileView:
    invocation: FileInvocation
    targets: Sequence[FileTarget]
    shown: Sequence[FileTarget]  # only that on the instance that was asked for, if one was
