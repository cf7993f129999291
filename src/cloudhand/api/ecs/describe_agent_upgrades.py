"""DescribeAgentUpgrades: which agent runs where, which one is offered, and what upgrades came to.

An extension. The offered one is that of the control plane's own version. Of each instance the last
upgrade is told, if there was one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from cloudhand.api.bind import many
from cloudhand.api.ecs import errors, fields
from cloudhand.api.ecs.product import ECS
from cloudhand.api.operation import Call, operation
from cloudhand.control.upgrades import UpgradeView
from cloudhand.core.errors import InstanceNotFound
from cloudhand.core.ids import InstanceId, UpgradeId
from cloudhand.core.upgrade import Upgrade
from cloudhand.wire import times


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


class ReleaseShape(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    version: str  # empty: of a published agent, or one that never came
    package: str  # SHA-256 of the agent's one file; empty where it runs from its sources


class UpgradeShape(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    upgrade_id: UpgradeId
    status: str  # Asked, Trying; Upgraded, RolledBack, Refused, TimedOut
    reason: str  # why it is no success
    automatic: bool  # nobody asked for it: AgentUpgradeConfig did
    before: ReleaseShape
    to: ReleaseShape
    asked_time: str
    end_time: str  # empty until it has ended


class AgentShape(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    instance_id: InstanceId
    online: bool
    running: ReleaseShape
    refusal: str  # why the agent cannot be upgraded now; empty if it can
    upgrades: Sequence[UpgradeShape]  # the last one, if there was one


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    offered: ReleaseShape
    # Whether others are begun now as AgentUpgradeConfig says: Off, Closed, Starting, Open, Halted.
    automatic_upgrades: str
    agents: Sequence[AgentShape]


@operation(ECS, access="read", errors={InstanceNotFound: errors.NO_SUCH_TARGET})
async def describe_agent_upgrades(call: Call, params: Params) -> Result:
    upgrades = call.control.upgrades
    views = await upgrades.find(params.instance_ids)
    offered = await upgrades.offered()
    return Result(
        offered=ReleaseShape(version=offered.version, package=offered.digest),
        automatic_upgrades=(await upgrades.stance()).value,
        agents=[_agent(view) for view in views],
    )


def _agent(view: UpgradeView) -> AgentShape:
    agent = view.agent
    return AgentShape(
        instance_id=view.instance_id,
        online=view.online,
        running=ReleaseShape(
            version=agent.release if agent else "", package=agent.package if agent else ""
        ),
        refusal=view.refusal,
        upgrades=[_upgrade(view.upgrade)] if view.upgrade is not None else [],
    )


def _upgrade(upgrade: Upgrade) -> UpgradeShape:
    return UpgradeShape(
        upgrade_id=upgrade.id,
        status=upgrade.state.value,
        reason=upgrade.reason,
        automatic=upgrade.automatic,
        before=ReleaseShape(version=upgrade.from_release, package=upgrade.from_package),
        to=ReleaseShape(version=upgrade.to_release, package=upgrade.to_package),
        asked_time=times.second(upgrade.asked_at),
        end_time=times.second(upgrade.ended_at),
    )
