"""ListExecutionLogs: what has happened to an execution and its tasks, the oldest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from cloudhand.api.bind import text
from cloudhand.api.oos import fields
from cloudhand.api.oos.product import OOS
from cloudhand.api.operation import Call, operation
from cloudhand.control.executions import LogEntry
from cloudhand.core.ids import ExecutionId
from cloudhand.core.page import Page, Window
from cloudhand.orchestration import values
from cloudhand.wire import times

_SYSTEM = "System"  # the type of every entry here
_SAID = {
    "queued": "is queued",
    "begun": "started",
    "waits": "waits",
    "woken": "goes on",
    "succeeded": "completed",
    "failed": "failed",
    "cancelled": "was cancelled",
    "skipped": "was skipped",
}


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    account_id: str = fields.account()
    execution_id: str = fields.execution()
    task_execution_id: str = text("TaskExecutionId", note="of this task and its items only")
    log_type: str = text("LogType", note=f"every entry here is of the type {_SYSTEM}")
    page: Window = fields.page()


class LogShape(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    timestamp: str
    log_type: str = _SYSTEM
    task_execution_id: str
    message: str


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    max_results: int
    next_token: str
    is_truncated: bool
    execution_logs: Sequence[LogShape]


@operation(OOS, access="read")
async def list_execution_logs(call: Call, params: Params) -> Result:
    page = await _found(call, params)
    return Result(
        max_results=params.page.limit,
        next_token=page.next,
        is_truncated=bool(page.next),
        execution_logs=[_shape(entry) for entry in page.items],
    )


async def _found(call: Call, params: Params) -> Page[LogEntry]:
    strange = params.log_type not in ("", _SYSTEM)
    if strange or params.account_id not in ("", call.caller.account_id):
        return Page(items=(), total=0)
    return await call.control.executions.log(
        ExecutionId(params.execution_id), params.page, task_id=params.task_execution_id
    )


def _shape(entry: LogEntry) -> LogShape:
    return LogShape(
        timestamp=times.second(entry.move.at),
        task_execution_id=entry.task.id if entry.task else "",
        message=_message(entry),
    )


def _message(entry: LogEntry) -> str:
    task = entry.task
    what = "execution"
    if task is not None:
        item = f" for {values.shown(values.text(task.item))}" if task.parent_id else ""
        what = f"task {task.name}{item}"
    said = f"The {what} {_SAID[entry.move.event]}"
    return f"{said}: {entry.why}" if entry.why else f"{said}."
