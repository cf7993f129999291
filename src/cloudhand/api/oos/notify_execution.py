"""NotifyExecution: tell an execution what it waits for: that it may go on, try again, or skip.

Without a task all tasks are meant that wait for such a word, those of child executions last.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cloudhand.api.bind import Coverage, longest, text
from cloudhand.api.oos import errors, fields
from cloudhand.api.oos.product import OOS
from cloudhand.api.oos.shapes import Done
from cloudhand.api.operation import Call, operation
from cloudhand.api.refusal import Refused, unsupported
from cloudhand.control.telling import WORDS
from cloudhand.core.errors import ExecutionEnded, ExecutionNotFound, TaskNotFound
from cloudhand.core.ids import ExecutionId
from cloudhand.core.orders import Word

_OF_DEBUG = ("ExecuteTask", "CancelTask", "CompleteExecution")
_NO_DEBUG = unsupported(
    "NotifyType", "executions cannot be stepped through: Approve, Reject, RetryTask, SkipTask are"
)


def _of_debug(name: str, word: str) -> Any:
    why = f"without effect: of {word}, which is refused"
    return text(name, note=why, coverage=Coverage.WITHOUT_EFFECT)


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    execution_id: str = fields.execution()
    notify_type: str = fields.choice(
        "NotifyType",
        (*WORDS, *_OF_DEBUG),
        required=True,
        note="those of Debug, the last three, are refused",
    )
    notify_note: str = text("NotifyNote", longest(1024, fields.too_long("NotifyNote", 1024)))
    task_name: str = text("TaskName")
    task_execution_id: str = text("TaskExecutionId")
    task_execution_ids: tuple[str, ...] = fields.json_list("TaskExecutionIds", at_most=100)
    loop_item: str = text("LoopItem", note="as ListTaskExecutions tells it")
    parameters: str = _of_debug("Parameters", "ExecuteTask")
    execution_status: str = _of_debug("ExecutionStatus", "CompleteExecution")


@operation(
    OOS,
    access="write",
    errors={
        ExecutionNotFound: errors.NO_SUCH_EXECUTION,
        TaskNotFound: errors.NO_SUCH_TASK,
        ExecutionEnded: errors.WRONG_STATUS,
    },
    refuses=(_NO_DEBUG,),
)
async def notify_execution(call: Call, params: Params) -> Done:
    if params.notify_type in _OF_DEBUG:
        raise Refused(_NO_DEBUG)
    ids = (params.task_execution_id, *params.task_execution_ids)
    await call.control.executions.tell(
        Word(
            execution_id=ExecutionId(params.execution_id),
            type=params.notify_type,
            by=str(call.caller),
            note=params.notify_note,
            task_ids=tuple(one for one in ids if one),
            task_name=params.task_name,
            loop_item=params.loop_item,
            once=call.once(),
        )
    )
    return Done()
