"""FinishExecution: end an execution, with all that was started for it, by a person's word.

An extension. Commands on machines go on there.
"""

from __future__ import annotations

from dataclasses import dataclass

from cloudhand.api.bind import text
from cloudhand.api.oos import errors, fields
from cloudhand.api.oos.product import OOS
from cloudhand.api.oos.shapes import Done
from cloudhand.api.operation import Call, operation
from cloudhand.control.finishing import OF_EXECUTIONS
from cloudhand.core.errors import CannotFinish, ExecutionNotFound
from cloudhand.core.execution import State
from cloudhand.core.ids import ExecutionId


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    execution_id: str = fields.execution()
    status: str = fields.choice("Status", tuple(map(str, OF_EXECUTIONS)), required=True)
    reason: str = text("Reason", required=True, note="why one knows")


@operation(
    OOS,
    access="write",
    errors={ExecutionNotFound: errors.NO_SUCH_EXECUTION, CannotFinish: errors.WRONG_STATUS},
)
async def finish_execution(call: Call, params: Params) -> Done:
    await call.control.finishing.execution(
        ExecutionId(params.execution_id),
        State(params.status),
        why=params.reason,
        by=str(call.caller),
    )
    return Done()
