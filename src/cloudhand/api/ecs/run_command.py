"""RunCommand: run a script on instances, now or on a schedule.

All instances are checked before anything is recorded: one that does not exist, does not run or
cannot run the type fails the call. What happens on each is told by DescribeInvocationResults.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from cloudhand.api.bind import flag, group, text
from cloudhand.api.ecs import command_fields, errors, fields, invocation_fields
from cloudhand.api.ecs.invocation_fields import InvocationParams
from cloudhand.api.ecs.product import ECS
from cloudhand.api.operation import Call, operation
from cloudhand.core.command import CommandType
from cloudhand.core.errors import TooMany
from cloudhand.core.orders import NewCommand, RunOrder


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    type: str = command_fields.command_type()
    command_content: str = text(required=True)
    content_encoding: str = text(note="PlainText (default) or Base64")
    name: str = command_fields.name()
    description: str = command_fields.description()
    working_dir: str = command_fields.working_dir()
    timeout: int = command_fields.timeout(default=60, note="default 60")
    enable_parameter: bool = flag()
    launcher: str = command_fields.launcher()
    keep_command: bool = flag(note="as CreateCommand would, to be run again")
    invocation: InvocationParams = group(InvocationParams)


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    command_id: str
    invoke_id: str


@operation(
    ECS,
    access="write",
    errors={**invocation_fields.ERRORS, TooMany: errors.of_quota},
    refuses=(
        *invocation_fields.REFUSES,
        errors.TOO_MANY_COMMANDS,
        errors.TOO_MANY_INVOCATIONS,
        errors.UNDECODABLE,
        *errors.CONTENT_PROBLEMS.values(),
    ),
)
async def run_command(call: Call, params: Params) -> Result:
    order = RunOrder(
        command=_command(params),
        keep_command=params.keep_command,
        invocation=invocation_fields.invocation(call, params.invocation),
    )
    asked = await call.control.invocations.run(order)
    return Result(command_id=asked.command_id, invoke_id=asked.invoke_id)


def _command(params: Params) -> NewCommand:
    """An encoding that nobody knows is plain text."""
    in_base64 = params.content_encoding.lower() == "base64"
    content = params.command_content
    return NewCommand(
        type=CommandType(params.type),
        content=command_fields.decoded(content) if in_base64 else content.encode(),
        name=params.name,
        description=params.description,
        working_dir=params.working_dir,
        timeout=params.timeout,
        enable_parameter=params.enable_parameter,
        launcher=params.launcher,
        resource_group_id=params.invocation.resource_group_id,
        tags=params.invocation.tags,
    )
