"""Parameters that many operations declare alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from cloudhand.api import bind
from cloudhand.api.bind import Limit, many, one_of, text
from cloudhand.api.ecs import errors
from cloudhand.api.refusal import Refused, WireError, invalid
from cloudhand.api.tags import tags
from cloudhand.wire import rpc

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


def constants(
    known: Mapping[str, str],
    *,
    checked: Mapping[str, tuple[Sequence[str], WireError]] = MappingProxyType({}),
) -> Any:
    """Filters on what is the same for everything of a kind: whether they let it all through.

    ``known`` are the values by the names of the filters, ``checked`` what else may be given, and
    the error of anything else.
    """

    def read(flat: bind.Flat, _: str) -> bool:
        given = {name: [v for v in rpc.listed(flat, name) if v] for name in known}
        for name, (allowed, error) in checked.items():
            if not {*given[name]} <= {*allowed}:
                raise Refused(error)
        return all(known[name] in map(_plain, values) for name, values in given.items() if values)

    return bind.custom(
        read,
        kind="Constant",
        names=tuple(known),
        note="matches all or none",
        errors=tuple(error for _, error in checked.values()),
        default=True,
    )


def no_tags() -> Any:
    """Of what has no tags: one that is asked for lets nothing through."""
    return bind.custom(
        lambda flat, wire: not rpc.records(flat, wire),
        kind="Tags",
        names=("Tag",),
        note="nothing here has tags: any matches nothing",
        default=True,
    )


def _plain(value: str) -> str:
    return value.lower() if value in ("True", "False") else value


def reason() -> Any:
    """Why a person knows better."""
    fits = Limit(fits=lambda given: len(given) <= 500, error=errors.BAD_REASON)
    return text("Reason", fits, required=True, note="why one knows; at most 500 characters")


def choice(
    name: str,
    values: tuple[str, ...],
    *,
    default: str = "",
    required: bool = False,
    note: str = "",
) -> Any:
    listing = f"one of {', '.join(values)}"
    return text(
        name,
        one_of(values, invalid(name, f"must be {listing}")),
        default=default,
        required=required,
        note=f"{listing}; {note}" if note else listing,
    )
