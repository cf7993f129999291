"""What things are labelled with: tags, and the name of a resource group."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

TAG_LIMIT = 20  # of one thing, as documented


class Labelled(StrEnum):
    """A kind of things that have labels. The values are the wire's ResourceType."""

    TEMPLATE = "template"
    EXECUTION = "execution"
    PARAMETER = "parameter"
    SECRET_PARAMETER = "secretparameter"  # noqa: S105  # a name


@dataclass(frozen=True, kw_only=True)
class Tag:
    """One tag of one thing."""

    kind: Labelled
    id: str  # the name of what has a name
    key: str
    value: str
