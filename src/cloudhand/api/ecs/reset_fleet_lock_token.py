"""ResetFleetLockToken: have other tools ask for slots of a group, by the FleetLock protocol.

An extension. The address that it answers is told once: whoever knows it may take slots of this
group, and nothing else. An earlier one ends.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from cloudhand.api.bind import flag
from cloudhand.api.ecs import errors, fields, governor_fields
from cloudhand.api.ecs.product import ECS
from cloudhand.api.operation import Call, operation
from cloudhand.core.errors import ResourceNotFound


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    group_name: str = governor_fields.group_name()
    closed: bool = flag("Closed", note="nobody may ask any more; no address is answered")


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    base_path: str  # under the address of this control plane: what a tool calls the base URL


@operation(ECS, access="write", errors={ResourceNotFound: errors.NO_SUCH_GROUP})
async def reset_fleet_lock_token(call: Call, params: Params) -> Result:
    governor = call.control.governor
    if params.closed:
        await governor.close_token(params.group_name)
        return Result(base_path="")
    token = await governor.reset_token(params.group_name)
    return Result(base_path=f"/fleetlock/{call.caller.account_id}/{token}")
