"""DescribeFaults: the faults that were made on purpose and are not over, and how often each struck.

An extension.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from cloudhand.api.ecs import fields
from cloudhand.api.ecs.product import ECS
from cloudhand.api.operation import Call, operation
from cloudhand.core.ids import FaultId, InstanceId
from cloudhand.wire import times


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()


class Fault(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    fault_id: FaultId
    kind: str
    instance_ids: Sequence[InstanceId]  # none: all
    value: int
    percent: int
    seed: int
    times: int  # 0: always
    struck_count: int
    creation_time: str
    end_time: str  # empty: when it is deleted


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    faults: Sequence[Fault]


@operation(ECS, access="read")
async def describe_faults(call: Call, params: Params) -> Result:
    faults = call.control.faults
    return Result(
        faults=[
            Fault(
                fault_id=one.id,
                kind=one.kind.value,
                instance_ids=sorted(one.instance_ids),
                value=one.value,
                percent=one.percent,
                seed=one.seed,
                times=one.times or 0,
                struck_count=faults.struck(one),
                creation_time=times.second(one.made_at),
                end_time=times.second(one.until),
            )
            for one in faults.all()
        ]
    )
