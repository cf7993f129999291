"""FinishInvocation: end a command, or the sending of a file, by a person's word.

An extension. An agent that tells later how it ended is believed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from cloudhand.api.bind import many, text
from cloudhand.api.ecs import errors, fields
from cloudhand.api.ecs.product import ECS
from cloudhand.api.operation import Call, operation
from cloudhand.control.finishing import OF_COMMANDS
from cloudhand.core.errors import CannotFinish, InstanceNotTargeted, InvocationNotFound
from cloudhand.core.ids import InstanceId, InvokeId
from cloudhand.core.invocation import State


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    invoke_id: InvokeId = text("InvokeId", required=True)
    instance_ids: tuple[InstanceId, ...] = many(
        "InstanceId",
        at_most=50,
        too_many=errors.TOO_MANY_TARGETS,
        note="none: all where it goes on",
    )
    status: str = fields.choice("Status", tuple(map(str, OF_COMMANDS)), required=True)
    reason: str = fields.reason()


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    instance_ids: Sequence[InstanceId]  # where it was ended


@operation(
    ECS,
    access="write",
    errors={
        InvocationNotFound: errors.NO_SUCH_INVOCATION,
        InstanceNotTargeted: errors.NO_SUCH_INSTANCE,
        CannotFinish: errors.CANNOT_FINISH,
    },
)
async def finish_invocation(call: Call, params: Params) -> Result:
    finished = await call.control.finishing.invocation(
        params.invoke_id,
        State(params.status),
        why=params.reason,
        by=str(call.caller),
        only=params.instance_ids,
    )
    return Result(instance_ids=finished)
