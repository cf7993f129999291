"""DescribeAgentNotices: what the published agent of an instance said of itself last.

An extension. Such agents tell when they start, lose their channel, fail or panic, as metrics and
client reports; the last 50 are kept, the newest first. Agents of ours have a log instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from cloudhand.api.bind import text
from cloudhand.api.ecs import errors, fields
from cloudhand.api.ecs.product import ECS
from cloudhand.api.operation import Call, operation
from cloudhand.core.errors import InstanceNotFound
from cloudhand.core.ids import InstanceId
from cloudhand.wire import times


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    instance_id: InstanceId = text("InstanceId", required=True)


class AgentNotice(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    kind: str  # Metric or ClientReport
    name: str  # agent.startup, switch_channel_in_wsk and so on
    level: str  # of a metric; else empty
    detail: str  # at most 4096 characters; of a metric JSON text
    time: str


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    notices: Sequence[AgentNotice]


@operation(ECS, access="read", errors={InstanceNotFound: errors.NO_SUCH_INSTANCE})
async def describe_agent_notices(call: Call, params: Params) -> Result:
    return Result(
        notices=[
            AgentNotice(
                kind=one.kind.value,
                name=one.name,
                level=one.level,
                detail=one.detail,
                time=times.second(one.heard_at),
            )
            for one in await call.control.notices.find(params.instance_id)
        ]
    )
