"""Parameters that many operations declare alike."""

from __future__ import annotations

from typing import Any

from cloudhand.api import bind
from cloudhand.api.bind import Coverage, Limit, many, one_of, text
from cloudhand.api.ecs import errors
from cloudhand.api.refusal import WireError, invalid
from cloudhand.api.tags import tags

LANGUAGES = ("zh-CN", "en-US", "ja", "zh-TW", "fr", "de", "ko")


def region(*, absent: WireError | None = None) -> Any:
    """Whether it is ours is checked before any other parameter."""
    note = "must be the region of this control plane"
    return text("RegionId", required=True, absent=absent, note=note)


def optional_region() -> Any:
    return text("RegionId", note="must be the region of this control plane")


def accept_language(note: str) -> Any:
    return text("AcceptLanguage", one_of(LANGUAGES, errors.NO_SUCH_LANGUAGE), note=note)


def client_token() -> Any:
    fits = Limit(
        fits=lambda token: token.isascii() and len(token) <= 64, error=errors.BAD_CLIENT_TOKEN
    )
    return text("ClientToken", fits)


def labels() -> Any:
    return tags("Tag", errors.TAG_ERRORS)


def instance_tags() -> Any:
    return tags("Tag", errors.INSTANCE_TAG_ERRORS, note="all must match; at most 20")


def resource_group() -> Any:
    return text("ResourceGroupId", note="a label: groups are not managed here")


def instance_id() -> Any:
    return text("InstanceId", required=True)


def instance_ids() -> Any:
    """Those of the operations on instances."""
    return many(
        "InstanceId",
        at_most=100,
        required=True,
        too_many=errors.TOO_MANY_INSTANCES,
        malformed=errors.MALFORMED_IDS,
    )


def without_effect(name: str, why: str, *others: str) -> Any:
    """Parameters that mean nothing for the instances here, and say so on their page."""
    return bind.custom(
        lambda flat, wire: flat.get(wire, ""),
        kind="String",
        names=(name, *others),
        note=f"without effect: {why}",
        default="",
        coverage=Coverage.WITHOUT_EFFECT,
    )


def choice(name: str, values: tuple[str, ...], *, default: str = "", note: str = "") -> Any:
    listing = f"one of {', '.join(values)}"
    return text(
        name,
        one_of(values, invalid(name, f"must be {listing}")),
        default=default,
        note=f"{listing}; {note}" if note else listing,
    )
