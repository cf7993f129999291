"""CreateCommand: keep a script, to be run by InvokeCommand as often as one likes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from cloudhand.api.bind import flag, text
from cloudhand.api.ecs import command_fields, errors, fields
from cloudhand.api.ecs.product import ECS
from cloudhand.api.operation import Call, operation
from cloudhand.core.command import CommandType
from cloudhand.core.errors import ParameterProblem, TokenReused, TooMany
from cloudhand.core.orders import NewCommand


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    name: str = command_fields.name(required=True)
    type: str = command_fields.command_type()
    command_content: str = text(required=True)
    content_encoding: str = text(note="Base64 (default) or PlainText")
    description: str = command_fields.description()
    working_dir: str = command_fields.working_dir()
    timeout: int = command_fields.timeout(default=60, note="default 60")
    enable_parameter: bool = flag()
    launcher: str = command_fields.launcher()
    resource_group_id: str = fields.resource_group()
    tags: Mapping[str, str] = fields.labels()
    client_token: str = fields.client_token()


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    command_id: str


@operation(
    ECS,
    access="write",
    errors={
        ParameterProblem: errors.of_parameter,
        TokenReused: errors.TOKEN_REUSED,
        TooMany: errors.TOO_MANY_COMMANDS,
    },
    refuses=(errors.UNDECODABLE, *errors.CONTENT_PROBLEMS.values()),
)
async def create_command(call: Call, params: Params) -> Result:
    once = call.once(params.client_token)
    return Result(command_id=await call.control.commands.create(_command(params), once=once))


def _command(params: Params) -> NewCommand:
    """An encoding that nobody knows is base64, other than in RunCommand."""
    in_plain_text = params.content_encoding.lower() == "plaintext"
    content = params.command_content
    return NewCommand(
        type=CommandType(params.type),
        content=content.encode() if in_plain_text else command_fields.decoded(content),
        name=params.name,
        description=params.description,
        working_dir=params.working_dir,
        timeout=params.timeout,
        enable_parameter=params.enable_parameter,
        launcher=params.launcher,
        resource_group_id=params.resource_group_id,
        tags=params.tags,
    )
