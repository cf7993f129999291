"""DescribeInvocationResults: what became of commands on each instance, newest first.

An id that nobody knows gives an empty list.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from cloudhand.api.bind import flag, text
from cloudhand.api.ecs import fields, shapes
from cloudhand.api.ecs.product import ECS
from cloudhand.api.operation import Call, operation
from cloudhand.api.paging import Paging, paging
from cloudhand.core.ids import CommandId, InstanceId, InvokeId
from cloudhand.core.orders import InvocationFilter, ResultView
from cloudhand.wire import times

_STATUSES = ("Running", "Finished", "Success", "Failed", "PartialFailed", "Stopped", "Stopping")


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    invoke_id: str = text()
    instance_id: str = text()
    command_id: str = text()
    invoke_record_status: str = fields.choice("InvokeRecordStatus", _STATUSES)
    include_history: bool = flag(
        note="one record per run, of the InvokeId of a command that runs again"
    )
    content_encoding: str = text(note="of Output: Base64 (default) or PlainText")
    resource_group_id: str = fields.resource_group()
    tags: Mapping[str, str] = fields.labels()
    page: Paging = paging()


class InvocationResult(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    invoke_id: str
    command_id: str
    instance_id: str
    invocation_status: str
    invoke_record_status: str
    exit_code: int | msgspec.UnsetType
    output: str
    dropped: int
    repeats: int
    start_time: str
    finished_time: str
    stop_time: str
    error_code: str
    error_info: str
    username: str
    termination_mode: str
    launcher: str
    container_id: str = ""
    container_name: str = ""
    oss_output_delivery: str = ""
    oss_output_status: str = ""
    oss_output_uri: str = ""
    oss_output_error_code: str = ""
    oss_output_error_info: str = ""
    tags: shapes.Tags
    deadline_time: str  # Extension: when it ends at the latest; empty once it has
    next_time: str  # Extension: when its schedule has it run next; empty: after a boot, or never
    power_action: shapes.PowerActionShape | msgspec.UnsetType
    receipt: shapes.ReceiptShape | msgspec.UnsetType


class InvocationResults(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    invocation_result: Sequence[InvocationResult]


class Invocation(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    page_size: int
    page_number: int
    total_count: int
    next_token: str
    invocation_results: InvocationResults


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    invocation: Invocation


@operation(ECS, access="read")
async def describe_invocation_results(call: Call, params: Params) -> Result:
    wanted = InvocationFilter(
        invoke_id=InvokeId(params.invoke_id) if params.invoke_id else None,
        instance_id=InstanceId(params.instance_id) if params.instance_id else None,
        command_id=CommandId(params.command_id) if params.command_id else None,
        states=shapes.states_of_record(params.invoke_record_status),
        resource_group_id=params.resource_group_id,
        tags=params.tags,
    )
    found = await call.control.invocations.results(
        wanted, params.page.window, with_history=params.include_history
    )
    results = [_result(view, params.content_encoding) for view in found.items]
    return Result(
        invocation=Invocation(
            page_size=params.page.size,
            page_number=params.page.number,
            total_count=found.total,
            next_token=params.page.next_token(found),
            invocation_results=InvocationResults(invocation_result=results),
        )
    )


def _result(view: ResultView, encoding: str) -> InvocationResult:
    invocation, target = view.invocation, view.target
    return InvocationResult(
        invoke_id=invocation.id,
        command_id=invocation.command.id,
        instance_id=target.instance_id,
        invocation_status=target.state.value,
        invoke_record_status=shapes.record_status(target.state),
        exit_code=shapes.exit_code(target),
        output=shapes.encoded(view.output, encoding),
        dropped=view.dropped,
        repeats=shapes.repeats(view),
        start_time=times.second(target.started_at),
        finished_time=times.second(target.finished_at),
        stop_time=times.second(target.stop_asked_at),
        error_code=target.error_code,
        error_info=target.error_info,
        username=invocation.username,
        termination_mode=invocation.termination_mode,
        launcher=invocation.command.launcher,
        tags=shapes.tags(invocation.tags),
        deadline_time=times.second(target.deadline_at),
        next_time=times.second(target.next_at),
        power_action=shapes.power_action(view.power_action),
        receipt=shapes.receipt(target.receipt),
    )
