"""What operations on notification channels have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec

from cloudhand.api.bind import Limit, form, longest, text
from cloudhand.api.refusal import WireError, invalid
from cloudhand.core.notification import CHANNELS_LIMIT, Kind, Language, Occasion, Trial

NO_SUCH = WireError(
    code="InvalidChannelName.NotFound",
    status=404,
    message="The specified notification channel does not exist.",
)
TAKEN = WireError(
    code="InvalidChannelName.Duplicate",
    status=400,
    message="There is a notification channel of that name already.",
)
TOO_MANY = WireError(
    code="QuotaExceed.NotificationChannels",
    status=400,
    message=f"There are {CHANNELS_LIMIT} notification channels already.",
)
BAD_KIND = invalid("Kind", f"must be one of {', '.join(Kind)}")
BAD_EVENT = invalid("Event", f"must be of {', '.join(Occasion)}")
BAD_LANGUAGE = invalid("Language", f"must be one of {', '.join(Language)}")
BAD_SECRET = invalid(
    "Secret",
    "of a webhook must be whsec_ and base64 of 24 to 64 bytes; without one, one is made",
)
NO_SECRET = invalid("Secret", "is of webhook, dingtalk and feishu; others are not signed")
_BAD_ADDRESS = invalid(
    "Address", "must be http:// or https:// and a host, without a user and without blanks"
)
_BAD_NAME = invalid("ChannelName", "must be up to 64 letters, digits, - and _")


def name() -> Any:
    return text("ChannelName", form(r"[A-Za-z0-9_-]{1,64}", _BAD_NAME), required=True)


def address() -> Any:
    return text(
        "Address",
        longest(2048, invalid("Address", "is longer than 2048 characters")),
        Limit(fits=_is_address, error=_BAD_ADDRESS),
        required=True,
        note="told to nobody again",
    )


def _is_address(value: str) -> bool:
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        return False
    plain = value.isascii() and value.isprintable() and " " not in value
    whole = parts.scheme in ("http", "https") and bool(parts.hostname) and port != 0
    return plain and whole and "@" not in parts.netloc


class TrialShape(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    message_id: str
    status: str  # Waiting, Delivered, Failed
    error: str


def trial_shape(trial: Trial) -> TrialShape:
    match trial.outcome:
        case None:
            status = "Waiting"
        case "":
            status = "Delivered"
        case _:
            status = "Failed"
    return TrialShape(message_id=trial.id, status=status, error=trial.outcome or "")


def in_order(occasions: frozenset[Occasion]) -> Sequence[str]:
    return [one.value for one in Occasion if one in occasions]
