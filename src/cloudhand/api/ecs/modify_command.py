"""ModifyCommand: change a stored command. What was asked for before runs as it was then.

What is empty or not given stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

from cloudhand.api.bind import Coverage, longest, text
from cloudhand.api.ecs import command_fields, errors, fields
from cloudhand.api.ecs.product import ECS
from cloudhand.api.ecs.shapes import Done
from cloudhand.api.operation import Call, operation
from cloudhand.core.command import CONTENT_LIMIT
from cloudhand.core.errors import CommandNotFound
from cloudhand.core.ids import CommandId
from cloudhand.core.orders import CommandChange


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    command_id: CommandId = text("CommandId", required=True)
    name: str = command_fields.name()
    description: str = command_fields.description()
    working_dir: str = command_fields.working_dir()
    timeout: int | None = command_fields.timeout(default=None, note="none: as it is")
    launcher: str = command_fields.launcher()
    command_content: str = text(
        "CommandContent",
        longest(CONTENT_LIMIT, errors.CONTENT_TOO_LONG),
        note="without effect: the real service ignores it, too",
        coverage=Coverage.WITHOUT_EFFECT,
    )


@operation(ECS, access="write", errors={CommandNotFound: errors.NO_SUCH_COMMAND})
async def modify_command(call: Call, params: Params) -> Done:
    change = CommandChange(
        name=params.name or None,
        description=params.description or None,
        working_dir=params.working_dir or None,
        timeout=params.timeout,
        launcher=params.launcher or None,
    )
    await call.control.commands.modify(params.command_id, change, once=call.once())
    return Done()
