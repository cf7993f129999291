"""Tags, and the kinds of things that have them and belong to resource groups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from cloudhand.core.errors import TooMany

TAG_LIMIT = 20  # of one thing


class Kind(StrEnum):
    """The values are the wire's ResourceType."""

    INSTANCE = "instance"
    COMMAND = "command"
    INVOCATION = "invocation"
    ACTIVATION = "activation"
    MANAGED_INSTANCE = "managedinstance"


@dataclass(frozen=True, kw_only=True)
class Attached:
    """One tag of one thing."""

    id: str
    key: str
    value: str


@dataclass(frozen=True, kw_only=True)
class Usage:
    """A tag, and on how many things of each kind it is."""

    key: str
    value: str
    counts: Mapping[Kind, int]


def put(before: Mapping[str, str], tags: Mapping[str, str]) -> Mapping[str, str]:
    """The tags of a thing once these are put on it; TooMany."""
    after = {**before, **tags}
    if len(after) > TAG_LIMIT:
        raise TooMany("tags on one thing", TAG_LIMIT)
    return after
