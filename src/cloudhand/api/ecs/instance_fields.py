"""What is said of an instance when it is made or changed, and the limits of each."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from cloudhand.api import bind
from cloudhand.api.bind import Limit, form, text
from cloudhand.api.refusal import Refused, WireError

_USER_DATA_LIMIT = 32 * 1024  # bytes, decoded

BAD_NAME = WireError(
    code="InvalidInstanceName.Malformed",
    status=400,
    message="InstanceName is of 2 to 128 characters, starts with a letter"
    " and may hold one [begin,bits] pattern of at most 6 digits in RunInstances alone.",
)
BAD_HOST_NAME = WireError(
    code="InvalidHostName.Malformed",
    status=400,
    message="HostName is of 2 to 64 letters and digits, with single points and hyphens between.",
)
BAD_DESCRIPTION = WireError(
    code="InvalidDescription.Malformed",
    status=400,
    message="Description is of 2 to 256 characters and no address of the web.",
)
USER_DATA_TOO_LONG = WireError(
    code="InvalidUserData.SizeExceeded", status=400, message="UserData is larger than 32 KB."
)
BAD_USER_DATA = WireError(
    code="InvalidUserData.Base64FormatInvalid", status=400, message="UserData is not valid Base64."
)

# One pattern at most, so that no name grows beyond reason; bits say how many digits it has.
_SEQUENCE = r"\[\d{1,6},[0-6]?\]"
_NAME = r"(?u:[^\W\d_])[^\[\]\x00-\x1f]*"


def name(*, sequence: bool = False) -> Any:
    """``sequence``: it may hold the pattern by which names count up."""
    return text(
        "InstanceName",
        Limit(fits=lambda name: 2 <= len(name) <= 128, error=BAD_NAME),
        form(rf"{_NAME}(?:{_SEQUENCE})?[^\[\]\x00-\x1f]*" if sequence else _NAME, BAD_NAME),
    )


def host_name(*, sequence: bool = False) -> Any:
    part = rf"(?:[A-Za-z0-9]|{_SEQUENCE})+" if sequence else "[A-Za-z0-9]+"
    return text(
        "HostName",
        Limit(fits=lambda name: 2 <= len(name) <= 64, error=BAD_HOST_NAME),
        form(rf"(?!.*\[.*\[){part}(?:[.-]{part})*", BAD_HOST_NAME),  # one sequence at most
    )


def description() -> Any:
    return text("Description", Limit(fits=_readable, error=BAD_DESCRIPTION))


def _readable(value: str) -> bool:
    linked = value.startswith(("http://", "https://"))
    return 2 <= len(value) <= 256 and not linked


def user_data() -> Any:
    """Its bytes; none where none is given."""

    def read(flat: bind.Flat, wire: str) -> bytes:
        try:
            found = base64.b64decode("".join(flat.get(wire, "").split()), validate=True)
        except (binascii.Error, ValueError):
            raise Refused(BAD_USER_DATA) from None
        if len(found) > _USER_DATA_LIMIT:
            raise Refused(USER_DATA_TOO_LONG)
        return found

    return bind.custom(
        read,
        kind="String",
        names=("UserData",),
        note="Base64, at most 32 KB decoded",
        errors=(USER_DATA_TOO_LONG, BAD_USER_DATA),
        default=b"",
    )
