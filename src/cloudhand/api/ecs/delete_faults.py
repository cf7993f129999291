"""DeleteFaults: take away faults that were made on purpose, those that are named or all.

An extension.
"""

from __future__ import annotations

from dataclasses import dataclass

from cloudhand.api.bind import many
from cloudhand.api.ecs import errors, fields
from cloudhand.api.ecs.product import ECS
from cloudhand.api.ecs.shapes import Done
from cloudhand.api.operation import Call, operation
from cloudhand.core.errors import FaultNotFound
from cloudhand.core.ids import FaultId


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    fault_ids: tuple[FaultId, ...] = many(
        "FaultId", at_most=100, too_many=errors.TOO_MANY_FAULTS, note="none: all"
    )


@operation(ECS, access="write", errors={FaultNotFound: errors.NO_SUCH_FAULT})
async def delete_faults(call: Call, params: Params) -> Done:
    call.control.faults.take_away(params.fault_ids)
    return Done()
