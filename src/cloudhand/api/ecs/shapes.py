"""Shapes that several answers share, and how what we know is told in them."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence

import msgspec

from cloudhand.core.invocation import RepeatMode, State, Target
from cloudhand.core.orders import ResultView
from cloudhand.core.power import PowerAction
from cloudhand.wire import times
from cloudhand.wire.receipt import Process, Receipt


class Tag(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    tag_key: str
    tag_value: str


class Tags(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    tag: Sequence[Tag]


def bare_tags(given: Mapping[str, str]) -> list[Tag]:
    return [Tag(tag_key=key, tag_value=value) for key, value in given.items()]


def tags(given: Mapping[str, str]) -> Tags:
    return Tags(tag=bare_tags(given))


class Done(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """Nothing but the request id."""


_RECORD_STATUS = {
    State.PENDING: "Running",
    State.SCHEDULED: "Running",  # until it is stopped or comes no more
    State.RUNNING: "Running",
    State.STOPPING: "Stopping",
    # Finished is a process that ended by itself, whatever its exit code.
    State.SUCCESS: "Finished",
    State.FAILED: "Finished",
    State.ERROR: "Failed",
    State.TIMEOUT: "Failed",
    State.INVALID: "Failed",
    State.ABORTED: "Failed",
    State.CANCELLED: "Stopped",
    State.TERMINATED: "Stopped",
}


def record_status(state: State) -> str:
    """The state of one target as clients of before InvocationStatus know it."""
    return _RECORD_STATUS[state]


def overall_record_status(states: Sequence[State]) -> str:
    """The state of a whole invocation as clients of before InvocationStatus know it."""
    seen = {record_status(state) for state in states}
    for status in ("Running", "Stopping"):
        if status in seen:
            return status
    if seen <= {"Stopped"}:
        return "Stopped"
    if "Failed" not in seen:
        return "Finished"
    return "PartialFailed" if "Finished" in seen else "Failed"


def states_of_record(status: str) -> frozenset[str]:
    """The states that are told as this record status; an empty one is that of any."""
    if status == "Success":
        return frozenset({State.SUCCESS})
    found = frozenset(state.value for state, told in _RECORD_STATUS.items() if told == status)
    return found or frozenset({status} if status else ())


def encoded(content: bytes, encoding: str) -> str:
    """As base64 unless plain text was asked for; what is no UTF-8 then shows as U+FFFD."""
    if encoding.lower() == "plaintext":
        return content.decode("utf-8", "replace")
    return base64.b64encode(content).decode()


class PowerActionShape(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """Extension: what became of the stop or restart that an exit code asked for."""

    action: str
    status: str
    asked_time: str
    ordered_time: str  # when its agent was told to proceed; empty while it is held
    deadline_time: str  # then it is overdue; empty once it has ended
    boot_id_before: str
    boot_id_after: str
    done_time: str
    reason: str  # of Held: what it waits for; of Refused: why; else empty


def power_action(action: PowerAction | None) -> PowerActionShape | msgspec.UnsetType:
    if action is None:
        return msgspec.UNSET
    return PowerActionShape(
        action=action.kind.value,
        status=action.state.value,
        asked_time=times.second(action.asked_at),
        ordered_time=times.second(action.ordered_at),
        deadline_time=times.second(action.deadline_at),
        boot_id_before=action.boot_id_before or "",
        boot_id_after=action.boot_id_after or "",
        done_time=times.second(action.done_at),
        reason=action.reason,
    )


class ProcessShape(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    pid: int
    name: str


class Pids(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    pid: Sequence[int]


class Processes(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    process: Sequence[ProcessShape]


class ReceiptShape(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """Extension: what the agent says of how it ended the command's processes."""

    followed_by: str  # cgroup or processes
    took: int  # milliseconds
    ended_count: int
    ended: Pids  # the first 20
    survivor_count: int
    survivors: Processes  # what could not be ended; the first 20
    left_count: int
    left: Processes  # what was left on purpose; the first 20


def receipt(said: Receipt | None) -> ReceiptShape | msgspec.UnsetType:
    if said is None:
        return msgspec.UNSET
    return ReceiptShape(
        followed_by=said.how,
        took=said.took,
        ended_count=said.ended,
        ended=Pids(pid=said.pids),
        survivor_count=said.survived,
        survivors=_processes(said.survivors),
        left_count=said.left,
        left=_processes(said.spared),
    )


def _processes(named: Sequence[Process]) -> Processes:
    return Processes(process=[ProcessShape(pid=one.pid, name=one.name) for one in named])


def exit_code(target: Target) -> int | msgspec.UnsetType:
    """Left out while there is none, since 0 would be a claim."""
    return msgspec.UNSET if target.exit_code is None else target.exit_code


def repeats(view: ResultView) -> int:
    """How often it ran; a dry run never does. Of what runs again, which run it is."""
    if view.invocation.repeat_mode.repeats:
        return view.target.run
    ran = view.target.started_at is not None or view.target.exit_code is not None
    return int(ran and view.invocation.repeat_mode is RepeatMode.ONCE)
