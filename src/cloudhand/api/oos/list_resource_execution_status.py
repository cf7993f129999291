"""ListResourceExecutionStatus: how far an execution is with each instance that it loops over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from cloudhand.api.oos import fields
from cloudhand.api.oos.product import OOS
from cloudhand.api.oos.shapes import as_json
from cloudhand.api.operation import Call, operation
from cloudhand.core.ids import ExecutionId
from cloudhand.core.page import Window
from cloudhand.orchestration import values
from cloudhand.wire import times


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    execution_id: str = fields.execution()
    page: Window = fields.page()


class ResourceShape(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    resource_id: str
    execution_id: str
    execution_time: str
    status: str
    outputs: str  # JSON text


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    max_results: int
    next_token: str
    resource_execution_status: Sequence[ResourceShape]


@operation(OOS, access="read")
async def list_resource_execution_status(call: Call, params: Params) -> Result:
    page = await call.control.task_executions.resources(
        ExecutionId(params.execution_id), params.page
    )
    return Result(
        max_results=params.page.limit,
        next_token=page.next,
        resource_execution_status=[
            ResourceShape(
                resource_id=values.text(one.item),
                execution_id=one.execution_id,
                execution_time=times.second(one.started_at),
                status=one.state.value,
                outputs=as_json(one.outputs),
            )
            for one in page.items
        ],
    )
