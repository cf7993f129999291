"""ListExecutions: executions that match, with their state. One that is not known is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from cloudhand.api import bind
from cloudhand.api.bind import flag, refused, text
from cloudhand.api.oos import fields
from cloudhand.api.oos.product import OOS
from cloudhand.api.oos.shapes import CurrentTask, as_json, execution_fields
from cloudhand.api.operation import Call, operation
from cloudhand.api.refusal import Refused, invalid, unsupported
from cloudhand.control.executions import ExecutionView
from cloudhand.core.execution import Execution, State
from cloudhand.core.orders import ExecutionFilter
from cloudhand.core.page import Window
from cloudhand.wire import times

_CATEGORIES = ("TimerTrigger", "EventTrigger", "AlarmTrigger", "Other")
_ONE_DEPTH = invalid("Depth", "cannot be given together with IncludeChildExecution")
_ONE_CATEGORY = invalid("Categories", "cannot be given together with Category")
_BAD_CATEGORIES = invalid("Categories", f"must be of {', '.join(_CATEGORIES)}")
_NO_FOLDERS = unsupported("RdFolderIds", "there is no resource directory")
_NO_RESOURCE_TEMPLATES = unsupported("ResourceTemplateName", "there are no resource templates")


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    account_id: str = fields.account()
    execution_id: str = text("ExecutionId")
    parent_execution_id: str = text("ParentExecutionId", note="all that were started for it")
    include_child_execution: bool | None = flag(default=None)
    depth: str = fields.choice(
        "Depth", ("RootDepth", "FirstChildDepth"), note="the latter: what roots have started"
    )
    status: str = fields.choice("Status", (*(state.value for state in State), "Pending", "Skipped"))
    template_name: str = text("TemplateName", note="a part of it")
    mode: str = fields.choice("Mode", ("Automatic", "FailurePause", "Debug"))
    ram_role: str = text("RamRole")
    executed_by: str = text("ExecutedBy")
    description: str = text("Description")
    category: str = fields.choice("Category", _CATEGORIES)
    categories: tuple[str, ...] = fields.json_list("Categories", at_most=4)
    resource_id: str = text("ResourceId", note="among the parameters or the items of loops")
    resource_template_name: str = refused("ResourceTemplateName")
    rd_folder_ids: str = refused("RdFolderIds")
    resource_group_id: str = text("ResourceGroupId")
    tags: Mapping[str, str] | None = fields.tags()
    start_date_after: datetime | None = bind.moment("StartDateAfter")
    start_date_before: datetime | None = bind.moment("StartDateBefore", last=True)
    end_date_after: datetime | None = bind.moment("EndDateAfter")
    end_date_before: datetime | None = bind.moment("EndDateBefore", last=True)
    sort_field: str = fields.sorting(("StartDate", "EndDate", "Status"))
    sort_order: str = fields.order()
    page: Window = fields.page()


class ExecutionShape(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    account_id: str
    execution_id: str
    status: str
    status_message: str
    status_reason: str
    waiting_status: str
    category: str
    mode: str
    safety_check: str
    ram_role: str
    executed_by: str
    description: str
    template_id: str
    template_name: str
    template_version: str
    parent_execution_id: str
    is_parent: bool
    create_date: str
    start_date: str
    end_date: str
    update_date: str
    parameters: Mapping[str, Any]
    outputs: str  # JSON text
    targets: str  # JSON text
    resource_status: str  # JSON text
    counters: Mapping[str, int]
    current_tasks: list[CurrentTask]
    next_schedule_time: str
    last_trigger_time: str
    last_trigger_status: str
    last_trigger_status_message: str
    last_trigger_outputs: str
    last_successful_trigger_time: str
    resource_group_id: str
    tags: Mapping[str, str]


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    max_results: int
    next_token: str
    total_count: int
    executions: Sequence[ExecutionShape]


@operation(
    OOS,
    access="read",
    refuses=(_ONE_DEPTH, _ONE_CATEGORY, _BAD_CATEGORIES, _NO_FOLDERS, _NO_RESOURCE_TEMPLATES),
)
async def list_executions(call: Call, params: Params) -> Result:
    _check(params)
    wanted = ExecutionFilter(
        account_id=params.account_id,
        execution_id=params.execution_id,
        parent_id=params.parent_execution_id,
        with_children=bool(params.include_child_execution),
        first_level=params.depth == "FirstChildDepth",
        states=frozenset({params.status} if params.status else ()),
        template_name=params.template_name,
        mode=params.mode,
        ram_role=params.ram_role,
        executed_by=params.executed_by,
        description=params.description,
        resource_group_id=params.resource_group_id,
        resource_id=params.resource_id,
        categories=frozenset(filter(None, (params.category, *params.categories))),
        tags=params.tags or {},
        started_from=params.start_date_after,
        started_until=params.start_date_before,
        ended_from=params.end_date_after,
        ended_until=params.end_date_before,
        sort_field=params.sort_field,
        ascending=params.sort_order == "Ascending",
    )
    page = await call.control.executions.find(wanted, params.page)
    return Result(
        max_results=params.page.limit,
        next_token=page.next,
        total_count=page.total,
        executions=[_shape(view) for view in page.items],
    )


def _check(params: Params) -> None:
    for broken, error in (
        (params.depth and params.include_child_execution is not None, _ONE_DEPTH),
        (params.category and params.categories, _ONE_CATEGORY),
        (not set(params.categories) <= set(_CATEGORIES), _BAD_CATEGORIES),
        (params.rd_folder_ids, _NO_FOLDERS),
        (params.resource_template_name, _NO_RESOURCE_TEMPLATES),
    ):
        if broken:
            raise Refused(error)


def _shape(view: ExecutionView) -> ExecutionShape:
    one, last, good = view.execution, view.last_firing, view.last_good_firing
    return ExecutionShape(
        **execution_fields(view),
        account_id=one.account_id,
        status_reason="",
        waiting_status=one.waits_for.value,
        category=one.trigger_category or "Other",
        parameters=one.parameters,
        targets=_targets(one),
        resource_status=as_json(view.resources) if view.resources else "",
        next_schedule_time=view.next_firing,
        last_trigger_time=times.second(last.created_at) if last else "",
        last_trigger_status=last.state.value if last else "",
        last_trigger_status_message=last.status_message if last else "",
        last_trigger_outputs=as_json(last.outputs) if last and last.outputs is not None else "",
        last_successful_trigger_time=times.second(good.created_at) if good else "",
    )


def _targets(execution: Execution) -> str:
    """The parameter that chooses the targets, as published templates call it."""
    by_lower = {name.lower(): value for name, value in execution.parameters.items()}
    targets = by_lower.get("targets")
    if not isinstance(targets, dict):
        return ""
    kind = by_lower.get("resourcetype") or "ALIYUN::ECS::Instance"
    return as_json({"ResourceType": kind, "Filters": [targets]})
