"""ListNotificationChannels: who is told of what goes wrong, and whether messages arrive.

An extension. Of an address only the host is told, and of a secret whether there is one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import msgspec

from cloudhand.api.ecs import channel_fields, fields
from cloudhand.api.ecs.product import ECS
from cloudhand.api.operation import Call, operation
from cloudhand.core.notification import Channel
from cloudhand.wire import times


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()


class ChannelShape(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    channel_name: str
    kind: str
    host: str
    signed: bool
    events: Sequence[str]
    language: str
    creation_time: str
    waiting_count: int  # events that are still to be told
    tries: int  # of the message that is on its way
    next_try_time: str  # empty: none is on its way
    given_up_count: int  # events that could not be told within a day
    last_success_time: str
    last_error_time: str
    last_error: str
    test: channel_fields.TrialShape | None


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    channels: Sequence[ChannelShape]


@operation(ECS, access="read")
async def list_notification_channels(call: Call, params: Params) -> Result:
    found = await call.control.notifications.all()
    return Result(channels=[_shape(channel, waiting) for channel, waiting in found])


def _shape(channel: Channel, waiting: int) -> ChannelShape:
    return ChannelShape(
        channel_name=channel.name,
        kind=channel.kind.value,
        host=urlsplit(channel.address).hostname or "",
        signed=bool(channel.secret),
        events=channel_fields.in_order(channel.occasions),
        language=channel.language.value,
        creation_time=times.second(channel.created_at),
        waiting_count=waiting,
        tries=channel.sent.tries if channel.sent else 0,
        next_try_time=times.second(channel.due_at if channel.sent else None),
        given_up_count=channel.given_up_count,
        last_success_time=times.second(channel.last_success_at),
        last_error_time=times.second(channel.last_error_at),
        last_error=channel.last_error,
        test=channel_fields.trial_shape(channel.test) if channel.test else None,
    )
