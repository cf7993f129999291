"""DeleteGovernorGroup: let the machines of a group restart as they are asked to.

An extension. Who waits for its turn in it goes on within seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

from cloudhand.api.ecs import errors, fields, governor_fields
from cloudhand.api.ecs.product import ECS
from cloudhand.api.ecs.shapes import Done
from cloudhand.api.operation import Call, operation
from cloudhand.core.errors import ResourceNotFound


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    group_name: str = governor_fields.group_name()


@operation(ECS, access="write", errors={ResourceNotFound: errors.NO_SUCH_GROUP})
async def delete_governor_group(call: Call, params: Params) -> Done:
    await call.control.governor.delete_group(params.group_name)
    return Done()
