"""ExplainExecution: what an execution waits for, and what that waits for in turn.

An extension.
"""

from __future__ import annotations

from dataclasses import dataclass

from cloudhand.api import explained
from cloudhand.api.oos import errors, fields
from cloudhand.api.oos.product import OOS
from cloudhand.api.operation import Call, operation
from cloudhand.core.errors import ResourceNotFound


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    execution_id: str = fields.execution()


@operation(OOS, access="read", errors={ResourceNotFound: errors.NO_SUCH_EXECUTION})
async def explain_execution(call: Call, params: Params) -> explained.Result:
    """A task of one is meant by its id, too."""
    return explained.result(await call.control.explanations.of_execution(params.execution_id))
