"""DescribeSendFileResults: files that were sent, and what became of them, newest first.

An id that nobody knows gives an empty list.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from cloudhand.api.bind import text
from cloudhand.api.ecs import fields, shapes
from cloudhand.api.ecs.product import ECS
from cloudhand.api.operation import Call, operation
from cloudhand.api.paging import Paging, paging
from cloudhand.core.file import FileFilter, FileTarget, FileView, Overall, overall
from cloudhand.core.ids import InstanceId, InvokeId
from cloudhand.wire import times

_USUAL = "root"  # as documented of owner and group


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    invoke_id: InvokeId = text("InvokeId")
    instance_id: InstanceId = text("InstanceId")
    name: str = text()
    invocation_status: str = fields.choice("InvocationStatus", tuple(Overall))
    resource_group_id: str = fields.resource_group()
    tags: Mapping[str, str] = fields.labels()
    page: Paging = paging()


class InvokeInstance(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    instance_id: str
    invocation_status: str
    creation_time: str
    start_time: str
    finish_time: str
    update_time: str
    error_code: str
    error_info: str


class InvokeInstances(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    invoke_instance: Sequence[InvokeInstance]


class Invocation(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    invoke_id: str
    name: str
    description: str
    target_dir: str
    content_type: str
    content: str
    file_owner: str
    file_group: str
    file_mode: str
    overwrite: str  # true or false, as text
    vm_count: int
    creation_time: str
    invocation_status: str
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


@operation(ECS, access="read")
async def describe_send_file_results(call: Call, params: Params) -> Result:
    wanted = FileFilter(
        invoke_id=params.invoke_id or None,
        instance_id=params.instance_id or None,
        name=params.name,
        states=frozenset({params.invocation_status} if params.invocation_status else ()),
        resource_group_id=params.resource_group_id,
        tags=params.tags,
    )
    found = await call.control.files.find(wanted, params.page.window)
    return Result(
        page_size=params.page.size,
        page_number=params.page.number,
        total_count=found.total,
        next_token=params.page.next_token(found),
        invocations=Invocations(invocation=[_invocation(view) for view in found.items]),
    )


def _invocation(view: FileView) -> Invocation:
    invocation, file = view.invocation, view.invocation.file
    encoding = "Base64" if file.in_base64 else "PlainText"
    return Invocation(
        invoke_id=invocation.id,
        name=file.name,
        description=invocation.description,
        target_dir=file.directory,
        content_type=encoding,
        content=shapes.encoded(file.content, encoding),
        file_owner=file.owner or _USUAL,
        file_group=file.group or _USUAL,
        file_mode=file.mode,
        overwrite="true" if file.overwrite else "false",
        vm_count=len(view.targets),
        creation_time=times.second(invocation.created_at),
        invocation_status=overall(target.state for target in view.targets).value,
        invoke_instances=InvokeInstances(
            invoke_instance=[_instance(target) for target in view.shown]
        ),
        tags=shapes.tags(invocation.tags),
    )


def _instance(target: FileTarget) -> InvokeInstance:
    return InvokeInstance(
        instance_id=target.instance_id,
        invocation_status=target.state.value,
        creation_time=times.second(target.created_at),
        start_time=times.second(target.fetched_at),
        finish_time=times.second(target.finished_at),
        update_time=times.second(target.updated_at),
        error_code=target.error_code,
        error_info=target.error_info,
    )
