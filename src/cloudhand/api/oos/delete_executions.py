"""DeleteExecutions: delete executions with all that was started for them, or none of them."""

from __future__ import annotations

from dataclasses import dataclass

from cloudhand.api.bind import flag
from cloudhand.api.oos import errors, fields
from cloudhand.api.oos.product import OOS
from cloudhand.api.oos.shapes import Done
from cloudhand.api.operation import Call, operation
from cloudhand.core.errors import ExecutionEnded, ExecutionNotFound
from cloudhand.core.ids import ExecutionId


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    execution_ids: tuple[str, ...] = fields.json_list("ExecutionIds", at_most=100, required=True)
    force: bool = flag(note="also those that have not ended")


@operation(
    OOS,
    access="write",
    errors={
        ExecutionNotFound: errors.NO_SUCH_EXECUTION,
        ExecutionEnded: errors.WRONG_STATUS,
    },
)
async def delete_executions(call: Call, params: Params) -> Done:
    await call.control.executions.delete(
        [ExecutionId(one) for one in params.execution_ids], force=params.force, once=call.once()
    )
    return Done()
