"""DescribeInvocationOutput: all that a command said on an instance, piece by piece, also meanwhile.

An extension: the published API shows the last 24 KB alone. Whoever asks again from NextOffset on,
until Finished, has read all that is kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from cloudhand.api.bind import number, text
from cloudhand.api.ecs import errors, fields, shapes
from cloudhand.api.ecs.product import ECS
from cloudhand.api.operation import Call, operation
from cloudhand.core.errors import InstanceNotTargeted
from cloudhand.core.ids import InstanceId, InvokeId
from cloudhand.core.invocation import UNFINISHED
from cloudhand.core.orders import OutputOrder

_MOST = 1024 * 1024  # bytes of one piece


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    invoke_id: InvokeId = text("InvokeId", required=True)
    instance_id: InstanceId = text("InstanceId", required=True)
    run: int = number(note="which run of a command that runs again; else the last one")
    offset: int = number(at_most=2**53, note="in bytes")
    max_bytes: int = number(default=_MOST, at_least=1, at_most=_MOST)
    content_encoding: str = text(note="of Output: Base64 (default) or PlainText")


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    output: str
    offset: int  # where it begins; later than was asked for if what is before was cut off
    next_offset: int
    size: int  # where what is kept ends
    dropped: int  # bytes that were left out before the last 24 KB of what is kept
    finished: bool  # whether the command has ended and this is the last piece
    invocation_status: str


@operation(ECS, access="read", errors={InstanceNotTargeted: errors.NO_SUCH_INVOCATION})
async def describe_invocation_output(call: Call, params: Params) -> Result:
    order = OutputOrder(
        invoke_id=params.invoke_id,
        instance_id=params.instance_id,
        run=params.run,
        offset=params.offset,
        at_most=params.max_bytes,
    )
    piece = await call.control.invocations.output(order)
    following = piece.begin + len(piece.output)
    ended = piece.target.state not in UNFINISHED
    return Result(
        output=shapes.encoded(piece.output, params.content_encoding),
        offset=piece.begin,
        next_offset=following,
        size=piece.size,
        dropped=piece.target.dropped,
        finished=ended and following >= piece.size,
        invocation_status=piece.target.state.value,
    )
