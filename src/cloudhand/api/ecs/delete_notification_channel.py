"""DeleteNotificationChannel: tell nobody there any more, not even what waits to be told.

An extension.
"""

from __future__ import annotations

from dataclasses import dataclass

from cloudhand.api.ecs import channel_fields, fields
from cloudhand.api.ecs.product import ECS
from cloudhand.api.ecs.shapes import Done
from cloudhand.api.operation import Call, operation
from cloudhand.core.errors import ChannelNotFound


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    channel_name: str = channel_fields.name()


@operation(ECS, access="write", errors={ChannelNotFound: channel_fields.NO_SUCH})
async def delete_notification_channel(call: Call, params: Params) -> Done:
    await call.control.notifications.remove(params.channel_name)
    return Done()
