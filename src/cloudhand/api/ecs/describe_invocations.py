"""DescribeInvocations: commands that were asked for, with their state as a whole, newest first.

An id that nobody knows gives an empty list.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from cloudhand.api.bind import flag, one_of, text
from cloudhand.api.ecs import errors, fields, shapes
from cloudhand.api.ecs.product import ECS
from cloudhand.api.operation import Call, operation
from cloudhand.api.paging import Paging, paging
from cloudhand.api.refusal import Refused, missing
from cloudhand.core.command import CommandType
from cloudhand.core.ids import CommandId, InstanceId, InvokeId
from cloudhand.core.invocation import Overall, RepeatMode, overall
from cloudhand.core.orders import InvocationFilter, InvocationView, ResultView
from cloudhand.wire import times

_FINISHED = frozenset({Overall.SUCCESS, Overall.FAILED, Overall.PARTIAL_FAILED})
_STATUSES = (*Overall, "Finished")


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    invoke_id: str = text()
    instance_id: str = text()
    command_id: str = text()
    command_name: str = text(note="may have * at either end; ignored with InstanceId")
    command_type: str = text("CommandType", one_of(tuple(CommandType), errors.BAD_TYPE))
    invoke_status: str = fields.choice(
        "InvokeStatus", _STATUSES, note="PartialFailed is ignored with InstanceId"
    )
    timed: bool | None = flag(default=None, note="whether it will run again by itself")
    repeat_mode: str = text(
        "RepeatMode",
        one_of(tuple(RepeatMode), errors.BAD_REPEAT_MODE),
        note="ignored with InstanceId",
    )
    include_output: bool = flag(note="asks for InvokeId or InstanceId")
    content_encoding: str = text(note="of content and output: Base64 (default) or PlainText")
    resource_group_id: str = fields.resource_group()
    tags: Mapping[str, str] = fields.labels()
    page: Paging = paging()


class InvokeInstance(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    instance_id: str
    invocation_status: str
    instance_invoke_status: str
    exit_code: int | msgspec.UnsetType
    error_code: str
    error_info: str
    output: str | msgspec.UnsetType
    dropped: int
    repeats: int
    timed: bool
    creation_time: str
    start_time: str
    finish_time: str
    stop_time: str
    update_time: str
    oss_output_uri: str = ""
    oss_output_status: str = ""
    oss_output_error_code: str = ""
    oss_output_error_info: str = ""
    power_action: shapes.PowerActionShape | msgspec.UnsetType


class InvokeInstances(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    invoke_instance: Sequence[InvokeInstance]


class Invocation(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    invoke_id: str
    command_id: str
    command_name: str
    command_description: str
    command_type: str
    command_content: str
    working_dir: str
    username: str
    enable_parameter: bool
    parameters: str  # JSON text
    timeout: int
    frequency: str
    repeat_mode: str
    timed: bool
    termination_mode: str
    launcher: str
    container_id: str = ""
    container_name: str = ""
    oss_output_delivery: str = ""
    creation_time: str
    invocation_status: str
    invoke_status: str
    invoke_instances: InvokeInstances
    tags: shapes.Tags


class Invocations(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    invocation: Sequence[Invocation]


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    page_size: int
    page_number: int
    total_count: int
    next_token: str
    invocations: Invocations


@operation(ECS, access="read", refuses=(missing("InvokeId"),))
async def describe_invocations(call: Call, params: Params) -> Result:
    if params.include_output and not params.invoke_id and not params.instance_id:
        raise Refused(missing("InvokeId"))
    found = await call.control.invocations.find(
        _filter(params), params.page.window, with_output=params.include_output
    )
    return Result(
        page_size=params.page.size,
        page_number=params.page.number,
        total_count=found.total,
        next_token=params.page.next_token(found),
        invocations=Invocations(invocation=[_invocation(view, params) for view in found.items]),
    )


def _filter(params: Params) -> InvocationFilter:
    on_one = bool(params.instance_id)
    return InvocationFilter(
        invoke_id=InvokeId(params.invoke_id) if params.invoke_id else None,
        instance_id=InstanceId(params.instance_id) if params.instance_id else None,
        command_id=CommandId(params.command_id) if params.command_id else None,
        command_name="" if on_one else params.command_name,
        command_type=params.command_type,
        states=_states(params.invoke_status, on_one=on_one),
        comes_again=params.timed,
        repeat_mode="" if on_one else params.repeat_mode,
        resource_group_id=params.resource_group_id,
        tags=params.tags,
    )


def _states(status: str, *, on_one: bool) -> frozenset[str]:
    if not status or (on_one and status == Overall.PARTIAL_FAILED):
        return frozenset()
    return _FINISHED if status == "Finished" else frozenset({status})


def _invocation(view: InvocationView, params: Params) -> Invocation:
    invocation, command = view.invocation, view.invocation.command
    states = [result.target.state for result in view.results]
    return Invocation(
        invoke_id=invocation.id,
        command_id=command.id,
        command_name=command.name,
        command_description=command.description,
        command_type=command.type.value,
        command_content=shapes.encoded(command.content, params.content_encoding),
        working_dir=command.working_dir,
        username=invocation.username,
        enable_parameter=command.enable_parameter,
        parameters=json.dumps(dict(invocation.parameters), ensure_ascii=False),
        timeout=command.timeout,
        frequency=invocation.frequency,
        repeat_mode=invocation.repeat_mode.value,
        timed=any(result.target.comes_again for result in view.results),
        termination_mode=invocation.termination_mode,
        launcher=command.launcher,
        creation_time=times.second(invocation.created_at),
        invocation_status=overall(states).value,
        invoke_status=shapes.overall_record_status(states),
        invoke_instances=InvokeInstances(
            invoke_instance=[_instance(result, params) for result in view.results]
        ),
        tags=shapes.tags(invocation.tags),
    )


def _instance(view: ResultView, params: Params) -> InvokeInstance:
    target = view.target
    output = shapes.encoded(view.output, params.content_encoding)
    return InvokeInstance(
        instance_id=target.instance_id,
        invocation_status=target.state.value,
        instance_invoke_status=shapes.record_status(target.state),
        exit_code=shapes.exit_code(target),
        error_code=target.error_code,
        error_info=target.error_info,
        output=output if params.include_output else msgspec.UNSET,
        dropped=view.dropped,
        repeats=shapes.repeats(view),
        timed=target.comes_again,
        creation_time=times.second(target.created_at),
        start_time=times.second(target.started_at),
        finish_time=times.second(target.finished_at),
        stop_time=times.second(target.stop_asked_at),
        update_time=times.second(target.updated_at),
        power_action=shapes.power_action(view.power_action),
    )
