"""DeleteCommand: let a stored command go. Its invocations go on, and go on to be told."""

from __future__ import annotations

from dataclasses import dataclass

from cloudhand.api.bind import text
from cloudhand.api.ecs import errors, fields
from cloudhand.api.ecs.product import ECS
from cloudhand.api.ecs.shapes import Done
from cloudhand.api.operation import Call, operation
from cloudhand.core.errors import CommandNotFound
from cloudhand.core.ids import CommandId


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    command_id: CommandId = text("CommandId", required=True)


@operation(ECS, access="write", errors={CommandNotFound: errors.NO_SUCH_COMMAND})
async def delete_command(call: Call, params: Params) -> Done:
    await call.control.commands.delete(params.command_id, once=call.once())
    return Done()
