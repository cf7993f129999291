"""DescribeCommands: the stored commands, newest first. An id that nobody knows gives none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from cloudhand.api import bind
from cloudhand.api.bind import longest, one_of, text
from cloudhand.api.ecs import errors, fields, shapes
from cloudhand.api.ecs.product import ECS
from cloudhand.api.operation import Call, operation
from cloudhand.api.paging import Paging, paging
from cloudhand.core.command import CommandType, StoredCommand, placeholders
from cloudhand.core.ids import CommandId
from cloudhand.core.orders import CommandFilter
from cloudhand.core.page import Page
from cloudhand.wire import times

_WILD = "may have * at either end"


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    command_id: CommandId = text("CommandId")
    name: str = text("Name", longest(128, errors.NAME_FILTER_TOO_LONG), note=_WILD)
    description: str = text(
        "Description", longest(512, errors.DESCRIPTION_FILTER_TOO_LONG), note=_WILD
    )
    type: str = text("Type", one_of(tuple(CommandType), errors.NO_SUCH_COMMAND_TYPE))
    provider: str = text(note="any matches none: there are no public commands here")
    latest: str = bind.without_effect("Latest", "it is about public commands")
    content_encoding: str = text(note="of the content: Base64 (default) or PlainText")
    resource_group_id: str = fields.resource_group()
    tags: Mapping[str, str] = fields.labels()
    page: Paging = paging()


class ParameterNames(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    parameter_name: Sequence[str]


class Command(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    command_id: str
    name: str
    description: str
    type: str
    command_content: str
    working_dir: str
    timeout: int
    enable_parameter: bool
    parameter_names: ParameterNames
    launcher: str
    invoke_times: int
    creation_time: str
    resource_group_id: str
    tags: shapes.Tags


class Commands(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    command: Sequence[Command]


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    page_size: int
    page_number: int
    total_count: int
    next_token: str
    commands: Commands


@operation(ECS, access="read")
async def describe_commands(call: Call, params: Params) -> Result:
    found = await _found(call, params)
    return Result(
        page_size=params.page.size,
        page_number=params.page.number,
        total_count=found.total,
        next_token=params.page.next_token(found),
        commands=Commands(
            command=[_command(stored, params.content_encoding) for stored in found.items]
        ),
    )


async def _found(call: Call, params: Params) -> Page[StoredCommand]:
    if params.provider:
        return Page(items=[], total=0)
    wanted = CommandFilter(
        command_id=params.command_id or None,
        name=params.name,
        description=params.description,
        type=params.type,
        resource_group_id=params.resource_group_id,
        tags=params.tags,
    )
    return await call.control.commands.find(wanted, params.page.window)


def _command(stored: StoredCommand, encoding: str) -> Command:
    command = stored.command
    names = placeholders(command.content.decode()) if command.enable_parameter else ()
    return Command(
        command_id=command.id,
        name=command.name,
        description=command.description,
        type=command.type.value,
        command_content=shapes.encoded(command.content, encoding),
        working_dir=command.working_dir,
        timeout=command.timeout,
        enable_parameter=command.enable_parameter,
        parameter_names=ParameterNames(parameter_name=names),
        launcher=command.launcher,
        invoke_times=stored.invoke_count,
        creation_time=times.minute(stored.created_at),
        resource_group_id=stored.resource_group_id,
        tags=shapes.tags(stored.tags),
    )
