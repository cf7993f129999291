"""ModifyInvocationAttribute: change what a command that runs again runs, when, and on what.

A run that has begun goes on with what it was given. Another CommandContent makes another command,
whose id is answered; it is stored if the command before it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from cloudhand.api.bind import flag, many, text
from cloudhand.api.ecs import command_fields, custom_parameters, errors, fields
from cloudhand.api.ecs.product import ECS
from cloudhand.api.operation import Call, operation
from cloudhand.core.command import LARGEST_TARGET_LIMIT
from cloudhand.core.errors import (
    CommandNotApplicable,
    FrequencyProblem,
    IncorrectState,
    InstanceNotFound,
    InvocationEnded,
    InvocationNotFound,
    NotRepeating,
    ParameterProblem,
    TokenReused,
    TooMany,
)
from cloudhand.core.ids import CommandId, InstanceId, InvokeId
from cloudhand.core.orders import InvocationChange

_ELSE = "else as it is"


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    invoke_id: InvokeId = text("InvokeId", required=True)
    command_content: str = text(note=_ELSE)
    content_encoding: str = text(note="PlainText (default) or Base64")
    enable_parameter: bool | None = flag(default=None, note=_ELSE)
    parameters: Mapping[str, str] | None = custom_parameters.parameters(
        errors.NEW_PARAMETER_ERRORS, optional=True
    )
    frequency: str = text(note=f"of RepeatMode Period; {_ELSE}")
    more_instance_ids: tuple[InstanceId, ...] = many(
        "InstanceId",
        at_most=LARGEST_TARGET_LIMIT,
        too_many=errors.NEW_TOO_MANY_TARGETS,
        note="to be added to those that it has: together as many as RunCommand takes",
    )
    client_token: str = fields.client_token()


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    command_id: CommandId


@operation(
    ECS,
    access="write",
    errors={
        InvocationNotFound: errors.NO_SUCH_INVOCATION,
        NotRepeating: errors.RUNS_ONCE,
        InvocationEnded: errors.RUNS_NO_MORE,
        InstanceNotFound: errors.NO_SUCH_INSTANCE,
        CommandNotApplicable: errors.NEW_NOT_MATCHED,
        IncorrectState: errors.WRONG_STATUS,
        FrequencyProblem: errors.of_new_frequency,
        ParameterProblem: errors.of_new_parameter,
        TooMany: errors.of_new_quota,
        TokenReused: errors.TOKEN_REUSED,
    },
    refuses=(
        errors.NEW_BAD_FREQUENCY,
        errors.NEW_TOO_MANY_COMMANDS,
        errors.NEW_UNDECODABLE,
        *errors.NEW_PROBLEMS.values(),
    ),
)
async def modify_invocation_attribute(call: Call, params: Params) -> Result:
    change = InvocationChange(
        content=_content(params) if params.command_content else None,
        enable_parameter=params.enable_parameter,
        parameters=params.parameters,
        frequency=params.frequency or None,
        more_instance_ids=params.more_instance_ids,
        by=str(call.caller),
        once=call.once(params.client_token),
    )
    asked = await call.control.schedules.modify(params.invoke_id, change)
    return Result(command_id=asked.command_id)


def _content(params: Params) -> bytes:
    """An encoding that nobody knows is plain text."""
    content = params.command_content
    if params.content_encoding.lower() == "base64":
        return command_fields.decoded(content, errors.NEW_UNDECODABLE)
    return content.encode()
