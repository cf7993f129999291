"""UpgradeAgents: have agents of machines replace themselves by the one that is offered.

An extension. The answer says what was asked for; what becomes of it tells DescribeAgentUpgrades. An
upgrade that is under way goes on, and is not asked for anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from cloudhand.api.bind import many
from cloudhand.api.ecs import errors, fields
from cloudhand.api.ecs.product import ECS
from cloudhand.api.operation import Call, operation
from cloudhand.core.errors import InstanceNotFound
from cloudhand.core.ids import InstanceId, UpgradeId


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    instance_ids: tuple[InstanceId, ...] = many(
        "InstanceId",
        at_most=100,
        too_many=errors.TOO_MANY_TARGETS,
        required=True,
        absent=errors.NO_INSTANCE_ID,
    )


class AskedShape(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    instance_id: InstanceId
    upgrade_id: UpgradeId
    status: str  # Asked, Trying; Refused where it cannot be
    reason: str


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    upgrades: Sequence[AskedShape]


@operation(ECS, access="write", errors={InstanceNotFound: errors.NO_SUCH_TARGET})
async def upgrade_agents(call: Call, params: Params) -> Result:
    asked = await call.control.upgrades.ask(params.instance_ids)
    return Result(
        upgrades=[
            AskedShape(
                instance_id=one.instance_id,
                upgrade_id=one.id,
                status=one.state.value,
                reason=one.reason,
            )
            for one in asked
        ]
    )
