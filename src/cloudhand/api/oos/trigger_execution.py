"""TriggerExecution: fire the trigger of an execution by hand, with a message."""

from __future__ import annotations

from dataclasses import dataclass

from cloudhand.api.bind import longest, text
from cloudhand.api.oos import errors, fields
from cloudhand.api.oos.product import OOS
from cloudhand.api.oos.shapes import Done
from cloudhand.api.operation import Call, operation
from cloudhand.core.errors import ExecutionEnded, ExecutionNotFound, TaskNotFound, TokenReused
from cloudhand.core.ids import ExecutionId


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region(required=True)
    execution_id: str = fields.execution()
    type: str = fields.choice("Type", ("Event", "Alarm", "Timer"), required=True)
    content: str = text(
        "Content",
        longest(64 * 1024, fields.too_long("Content", 64 * 1024)),
        note="what the tasks behind the trigger are told, as JSON or text",
    )
    client_token: str = fields.client_token()


@operation(
    OOS,
    access="write",
    errors={
        ExecutionNotFound: errors.NO_SUCH_EXECUTION,
        TaskNotFound: errors.NO_SUCH_TASK,
        ExecutionEnded: errors.WRONG_STATUS,
        TokenReused: errors.TOKEN_REUSED,
    },
)
async def trigger_execution(call: Call, params: Params) -> Done:
    await call.control.executions.trigger(
        ExecutionId(params.execution_id),
        f"{params.type}Trigger",
        params.content,
        by=str(call.caller),
        once=call.once(params.client_token),
    )
    return Done()
