"""CreateNotificationChannel: have people told of what goes wrong, by a webhook or in a chat.

An extension. It is told of what happens from now on. A webhook is signed as Standard Webhooks say;
where no secret is given one is made, and told only here.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from cloudhand.api.bind import many, one_of, text
from cloudhand.api.ecs import channel_fields, fields
from cloudhand.api.ecs.product import ECS
from cloudhand.api.operation import Call, operation
from cloudhand.api.refusal import Refused
from cloudhand.core.errors import NameTaken, TooMany
from cloudhand.core.notification import SIGNABLE, Kind, Language, NewChannel, Occasion
from cloudhand.core.notification_forms import is_secret


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    channel_name: str = channel_fields.name()
    kind: str = text("Kind", one_of(tuple(Kind), channel_fields.BAD_KIND), required=True)
    address: str = channel_fields.address()
    secret: str = text("Secret", note="told to nobody again")
    events: tuple[str, ...] = many(
        "Event",
        at_most=len(Occasion),
        too_many=channel_fields.BAD_EVENT,
        note=f"of {', '.join(Occasion)}; none: all",
    )
    language: str = text(
        "Language",
        one_of(tuple(Language), channel_fields.BAD_LANGUAGE),
        default=Language.ENGLISH,
        note="of what chats show",
    )


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    secret: str  # the one that was made; empty: none was


@operation(
    ECS,
    access="write",
    errors={NameTaken: channel_fields.TAKEN, TooMany: channel_fields.TOO_MANY},
    refuses=(channel_fields.BAD_SECRET, channel_fields.NO_SECRET),
)
async def create_notification_channel(call: Call, params: Params) -> Result:
    kind = Kind(params.kind)
    if params.secret and kind not in SIGNABLE:
        raise Refused(channel_fields.NO_SECRET)
    if params.secret and kind is Kind.WEBHOOK and not is_secret(params.secret):
        raise Refused(channel_fields.BAD_SECRET)
    if not set(params.events) <= set(Occasion):
        raise Refused(channel_fields.BAD_EVENT)
    new = NewChannel(
        name=params.channel_name,
        kind=kind,
        address=params.address,
        secret=params.secret,
        occasions=frozenset(map(Occasion, params.events or Occasion)),
        language=Language(params.language),
    )
    made = await call.control.notifications.add(new)
    return Result(secret="" if params.secret else made.secret)
