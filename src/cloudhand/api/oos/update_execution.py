"""UpdateExecution: change what an execution that goes on says of itself, and its parameters.

What has begun keeps what it was given. A trigger goes on with the new parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cloudhand.api.oos import errors, fields
from cloudhand.api.oos.product import OOS
from cloudhand.api.oos.shapes import Done
from cloudhand.api.operation import Call, operation
from cloudhand.core.errors import (
    ExecutionEnded,
    ExecutionNotFound,
    ParametersInvalid,
    TemplateInvalid,
    TokenReused,
)
from cloudhand.core.ids import ExecutionId


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    execution_id: str = fields.execution()
    description: str = fields.description()
    parameters: dict[str, Any] | None = fields.json_object(
        "Parameters", errors.BAD_JSON_PARAMETERS, note="those that change"
    )
    resource_group_id: str = fields.resource_group()
    tags: Mapping[str, str] | None = fields.tags()
    client_token: str = fields.client_token()


@operation(
    OOS,
    access="write",
    errors={
        ExecutionNotFound: errors.NO_SUCH_EXECUTION,
        ExecutionEnded: errors.WRONG_STATUS,
        ParametersInvalid: errors.BAD_PARAMETERS,
        TemplateInvalid: errors.BAD_TEMPLATE,
        TokenReused: errors.TOKEN_REUSED,
    },
)
async def update_execution(call: Call, params: Params) -> Done:
    changes = {
        "description": params.description or None,
        "resource_group_id": params.resource_group_id or None,
        "tags": params.tags,
    }
    await call.control.executions.update(
        ExecutionId(params.execution_id),
        given=params.parameters,
        once=call.once(params.client_token),
        **{name: value for name, value in changes.items() if value is not None},
    )
    return Done()
