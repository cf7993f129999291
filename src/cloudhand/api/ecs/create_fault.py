"""CreateFault: have something go wrong on purpose, for tests of one's own automation.

An extension. A fault ends when it is deleted, when its time is over, or with the control plane.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import msgspec

from cloudhand.api.bind import many, number, one_of, text
from cloudhand.api.ecs import errors, fields
from cloudhand.api.ecs.product import ECS
from cloudhand.api.operation import Call, operation
from cloudhand.api.refusal import Refused, invalid
from cloudhand.core.errors import InstanceNotFound
from cloudhand.core.fault import COUNTED, LARGEST, Kind
from cloudhand.core.ids import FaultId, InstanceId
from cloudhand.core.orders import NewFault

_BAD_KIND = invalid("Kind", f"must be one of {', '.join(Kind)}")
_BAD_VALUE = invalid("Value", "is not from 0 to what is possible for a fault of this kind")
_NOT_COUNTED = invalid("Times", "is for faults of commands and of requests alone")


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    kind: str = text("Kind", one_of(tuple(Kind), _BAD_KIND), required=True)
    instance_ids: tuple[InstanceId, ...] = many(
        "InstanceId", at_most=100, too_many=errors.TOO_MANY_TARGETS, note="none: all"
    )
    value: int = number(
        at_most=max(LARGEST.values()),
        error=_BAD_VALUE,
        note="slow-boot: seconds; exit: the code; flood: bytes; throttle: ms to wait",
    )
    percent: int = number(default=100, at_least=1, at_most=100, note="of what it could strike")
    seed: int = number(note="the same one strikes the same again")
    times: int = number(note="0: always; of exit and flood how many runs, of throttle requests")
    seconds: int = number(note="how long it lasts; 0: until it is deleted")


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    fault_id: FaultId


@operation(
    ECS,
    access="write",
    errors={InstanceNotFound: errors.NO_SUCH_INSTANCE},
    refuses=(_NOT_COUNTED,),
)
async def create_fault(call: Call, params: Params) -> Result:
    kind = Kind(params.kind)
    if params.value > LARGEST[kind]:
        raise Refused(_BAD_VALUE)
    if params.times and kind not in COUNTED:
        raise Refused(_NOT_COUNTED)
    order = NewFault(
        kind=kind,
        instance_ids=params.instance_ids,
        value=params.value,
        percent=params.percent,
        seed=params.seed,
        times=params.times or None,
        lasts=timedelta(seconds=params.seconds) if params.seconds else None,
    )
    return Result(fault_id=(await call.control.faults.make(order)).id)
