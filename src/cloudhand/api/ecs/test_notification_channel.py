"""TestNotificationChannel: have a message sent at once. What became of it is told with the channel.

An extension. It is tried once; if it arrives, what waits is not made to wait longer.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from cloudhand.api.ecs import channel_fields, fields
from cloudhand.api.ecs.product import ECS
from cloudhand.api.operation import Call, operation
from cloudhand.core.errors import ChannelNotFound


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    channel_name: str = channel_fields.name()


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    message_id: str


@operation(ECS, access="write", errors={ChannelNotFound: channel_fields.NO_SUCH})
async def test_notification_channel(call: Call, params: Params) -> Result:
    trial = await call.control.notifications.test(params.channel_name)
    return Result(message_id=trial.id)
