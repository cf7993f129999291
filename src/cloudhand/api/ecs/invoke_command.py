"""InvokeCommand: run a stored command on instances, now or on a schedule.

WorkingDir, Timeout and Launcher hold for this time only. Instances are checked as by RunCommand.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from cloudhand.api.bind import group, text
from cloudhand.api.ecs import command_fields, errors, fields, invocation_fields
from cloudhand.api.ecs.invocation_fields import InvocationParams
from cloudhand.api.ecs.product import ECS
from cloudhand.api.operation import Call, operation
from cloudhand.core.errors import CommandNotFound, TooMany
from cloudhand.core.ids import CommandId
from cloudhand.core.orders import CommandChange, InvokeOrder

_ELSE = "else that of the command"


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    command_id: CommandId = text("CommandId", required=True)
    working_dir: str = command_fields.working_dir(_ELSE)
    timeout: int | None = command_fields.timeout(default=None, note=_ELSE)
    launcher: str = command_fields.launcher(_ELSE)
    invocation: InvocationParams = group(InvocationParams)


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    invoke_id: str


@operation(
    ECS,
    access="write",
    errors={
        **invocation_fields.ERRORS,
        CommandNotFound: errors.NO_SUCH_COMMAND,
        TooMany: errors.of_quota,
    },
    refuses=(*invocation_fields.REFUSES, errors.TOO_MANY_INVOCATIONS),
)
async def invoke_command(call: Call, params: Params) -> Result:
    order = InvokeOrder(
        command_id=params.command_id,
        change=CommandChange(
            working_dir=params.working_dir or None,
            timeout=params.timeout,
            launcher=params.launcher or None,
        ),
        invocation=invocation_fields.invocation(call, params.invocation),
    )
    asked = await call.control.invocations.invoke(order)
    return Result(invoke_id=asked.invoke_id)
