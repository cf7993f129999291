"""ListTaskExecutions: the tasks of an execution with what they were given and what they gave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from cloudhand.api import bind
from cloudhand.api.bind import flag, text
from cloudhand.api.oos import fields
from cloudhand.api.oos.product import OOS
from cloudhand.api.oos.shapes import as_json, extra, loop_shape
from cloudhand.api.operation import Call, operation
from cloudhand.core.orders import TaskFilter
from cloudhand.core.page import Page, Window
from cloudhand.core.task import State as TaskState
from cloudhand.core.task import TaskExecution, failure
from cloudhand.orchestration import values
from cloudhand.wire import times


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    account_id: str = fields.account()
    execution_id: str = text("ExecutionId")
    task_execution_id: str = text("TaskExecutionId")
    parent_task_execution_id: str = text("ParentTaskExecutionId", note="the items of a loop")
    include_child_task_execution: bool = flag(note="with the items of loops")
    task_name: str = text("TaskName")
    task_action: str = text("TaskAction")
    status: str = fields.choice("Status", (*(state.value for state in TaskState), "Started"))
    start_date_after: datetime | None = bind.moment("StartDateAfter")
    start_date_before: datetime | None = bind.moment("StartDateBefore", last=True)
    end_date_after: datetime | None = bind.moment("EndDateAfter")
    end_date_before: datetime | None = bind.moment("EndDateBefore", last=True)
    sort_field: str = fields.sorting(("StartDate", "EndDate", "Status"))
    sort_order: str = fields.order()
    page: Window = fields.page(least=20)


class TaskShape(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    task_execution_id: str
    execution_id: str
    child_execution_id: str
    parent_task_execution_id: str
    task_name: str
    task_action: str
    template_id: str
    status: str
    status_message: str
    properties: str  # JSON text
    outputs: str  # JSON text
    loop: Mapping[str, Any]
    loop_item: str
    loop_batch_number: int
    extra_data: Mapping[str, Any]
    create_date: str
    start_date: str
    end_date: str
    update_date: str


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    max_results: int
    next_token: str
    task_executions: Sequence[TaskShape]


@operation(OOS, access="read")
async def list_task_executions(call: Call, params: Params) -> Result:
    wanted = TaskFilter(
        execution_id=params.execution_id,
        task_id=params.task_execution_id,
        parent_id=params.parent_task_execution_id,
        with_items=params.include_child_task_execution,
        name=params.task_name,
        action=params.task_action,
        states=frozenset({params.status} if params.status else ()),
        started_from=params.start_date_after,
        started_until=params.start_date_before,
        ended_from=params.end_date_after,
        ended_until=params.end_date_before,
        sort_field=params.sort_field,
        ascending=params.sort_order == "Ascending",
    )
    page = Page[TaskExecution](items=(), total=0)
    if params.account_id in ("", call.caller.account_id):
        page = await call.control.executions.tasks(wanted, params.page)
    templates = await call.control.executions.templates({one.execution_id for one in page.items})
    return Result(
        max_results=params.page.limit,
        next_token=page.next,
        task_executions=[
            _shape(task, template_id=templates[task.execution_id].id)
            for task in page.items
            if task.execution_id in templates  # it may have been deleted just now
        ],
    )


def _shape(task: TaskExecution, *, template_id: str) -> TaskShape:
    item = task.parent_id is not None
    return TaskShape(
        task_execution_id=task.id,
        execution_id=task.execution_id,
        child_execution_id=task.child_id or "",
        parent_task_execution_id=task.parent_id or "",
        task_name=task.name,
        task_action=task.action,
        template_id=template_id,
        status=task.state.value,
        status_message=failure(task),
        properties=as_json(task.properties),
        outputs=as_json(task.outputs),
        loop=loop_shape(task),
        loop_item=values.text(task.item) if item else "",
        loop_batch_number=task.batch + 1 if item else 0,
        extra_data=extra(task),
        create_date=times.second(task.created_at),
        start_date=times.second(task.started_at),
        end_date=times.second(task.ended_at),
        update_date=times.second(task.updated_at),
    )
