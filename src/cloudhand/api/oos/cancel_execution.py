"""CancelExecution: have an execution end. Commands that it has sent to machines go on there."""

from __future__ import annotations

from dataclasses import dataclass

from cloudhand.api.oos import errors, fields
from cloudhand.api.oos.product import OOS
from cloudhand.api.oos.shapes import Done
from cloudhand.api.operation import Call, operation
from cloudhand.core.errors import ExecutionEnded, ExecutionNotFound
from cloudhand.core.ids import ExecutionId


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    execution_id: str = fields.execution()


@operation(
    OOS,
    access="write",
    errors={
        ExecutionNotFound: errors.NO_SUCH_EXECUTION,
        ExecutionEnded: errors.WRONG_STATUS,
    },
)
async def cancel_execution(call: Call, params: Params) -> Done:
    await call.control.executions.cancel(ExecutionId(params.execution_id), once=call.once())
    return Done()
