"""ListTaskExecutionInvocations: the invocations that a task has led to, those of its items too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from cloudhand.api.bind import text
from cloudhand.api.oos import fields
from cloudhand.api.oos.product import OOS
from cloudhand.api.operation import Call, operation
from cloudhand.core.ids import TaskExecutionId
from cloudhand.core.invocation import Overall


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    task_execution_id: str = text("TaskExecutionId")
    status: str = fields.choice("Status", tuple(state.value for state in Overall))


class InvocationShape(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    invocation_id: str
    invocation_task_execution_id: str
    invocation_task_name: str
    region_id: str
    status: str


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    task_execution_invocations: Sequence[InvocationShape]


@operation(OOS, access="read")
async def list_task_execution_invocations(call: Call, params: Params) -> Result:
    task_id = TaskExecutionId(params.task_execution_id)
    found = await call.control.task_executions.invocations(task_id) if task_id else []
    return Result(
        task_execution_invocations=[
            InvocationShape(
                invocation_id=one.invoke_id,
                invocation_task_execution_id=one.task_id,
                invocation_task_name=one.task_name,
                region_id=call.control.settings.region_id,
                status=one.state.value,
            )
            for one in found
            if params.status in ("", one.state)
        ]
    )
