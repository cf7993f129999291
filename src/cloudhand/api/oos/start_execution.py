"""StartExecution: execute a template, which is stored, public, or given as text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from cloudhand.api.bind import text
from cloudhand.api.oos import errors, fields
from cloudhand.api.oos.product import OOS
from cloudhand.api.oos.shapes import CurrentTask, as_json, execution_fields
from cloudhand.api.operation import Call, operation
from cloudhand.api.refusal import Refused, invalid, unsupported
from cloudhand.control.executions import ExecutionView
from cloudhand.core.errors import (
    ExecutionNotFound,
    ParametersInvalid,
    ResourceNotFound,
    TemplateInvalid,
    TemplateNotFound,
    TokenReused,
)
from cloudhand.core.execution import Mode, SafetyCheck, State
from cloudhand.core.ids import ExecutionId
from cloudhand.core.orders import NewExecution, TemplateText

NO_DEBUG = unsupported("Mode", "executions cannot be stepped through: Debug is not there")
MUST_CONFIRM = invalid("SafetyCheck", "can be Skip with the Mode Automatic only")


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    template_name: str = text("TemplateName")
    template_version: str = fields.template_version()
    template_content: str = text("TemplateContent")
    template_url: str = fields.template_url()
    parameters: dict[str, Any] | None = fields.json_object("Parameters", errors.BAD_JSON_PARAMETERS)
    mode: str = fields.choice(
        "Mode", ("Automatic", "FailurePause", "Debug"), default="Automatic", note="Debug is refused"
    )
    loop_mode: str = fields.choice(
        "LoopMode",
        ("Automatic", "FirstBatchPause", "EveryBatchPause"),
        default="Automatic",
        note="holds where the template does not say itself",
    )
    safety_check: str = fields.choice(
        "SafetyCheck",
        tuple(SafetyCheck),
        default=SafetyCheck.CONFIRM.value,
        note="Skip with the mode Automatic only",
    )
    description: str = fields.description()
    parent_execution_id: str = text("ParentExecutionId")
    resource_group_id: str = fields.resource_group()
    tags: Mapping[str, str] | None = fields.tags()
    client_token: str = fields.client_token()


class ExecutionShape(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    execution_id: str
    status: str
    status_message: str
    mode: str
    loop_mode: str
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
    parameters: str  # JSON text
    outputs: str  # JSON text
    counters: Mapping[str, int]
    current_tasks: list[CurrentTask]
    resource_group_id: str
    tags: Mapping[str, str]


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    execution: ExecutionShape


@operation(
    OOS,
    access="write",
    errors={
        TemplateNotFound: errors.NO_SUCH_TEMPLATE,
        TemplateInvalid: errors.BAD_TEMPLATE,
        ParametersInvalid: errors.BAD_PARAMETERS,
        ExecutionNotFound: errors.NO_SUCH_EXECUTION,
        ResourceNotFound: errors.NO_SUCH_ROLE,
        TokenReused: errors.TOKEN_REUSED,
    },
    refuses=(NO_DEBUG, MUST_CONFIRM, errors.NO_TEMPLATE, errors.NO_URLS),
)
async def start_execution(call: Call, params: Params) -> Result:
    if params.template_url:
        raise Refused(errors.NO_URLS)
    if not params.template_name and not params.template_content:
        raise Refused(errors.NO_TEMPLATE)
    if params.mode == "Debug":
        raise Refused(NO_DEBUG)
    if params.safety_check == SafetyCheck.SKIP and params.mode != Mode.AUTOMATIC:
        raise Refused(MUST_CONFIRM)
    started = await call.control.executions.start(
        NewExecution(
            template=TemplateText(
                name=params.template_name,
                version=params.template_version,
                content=params.template_content,
            ),
            parameters=params.parameters or {},
            mode=Mode(params.mode),
            loop_mode=params.loop_mode,
            safety_check=SafetyCheck(params.safety_check),
            description=params.description,
            resource_group_id=params.resource_group_id,
            tags=params.tags or {},
            parent_id=ExecutionId(params.parent_execution_id) or None,
            by=str(call.caller),
            account_id=call.caller.account_id,
            once=call.once(params.client_token),
        )
    )
    view = ExecutionView(execution=started, current=(), counts={})
    if started.state is not State.STARTED:  # it is told once more
        view = await call.control.executions.get(started.id)
    return Result(
        execution=ExecutionShape(
            **execution_fields(view),
            loop_mode=started.loop_mode,
            parameters=as_json(started.parameters),
        )
    )
