"""A parameter of the parameter store, its versions, and the rules that its values must keep."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from cloudhand.core.errors import ConstraintsInvalid
from cloudhand.core.ids import StoredParameterId

VERSION_LIMIT = 100  # as documented


class Type(StrEnum):
    """Type of a parameter. The values are the wire's Type."""

    STRING = "String"
    STRING_LIST = "StringList"
    SECRET = "Secret"  # noqa: S105  # a name


@dataclass(frozen=True, kw_only=True)
class StoredVersion:
    number: int  # from 1
    value: str | None = None  # None: it was not asked for
    created_at: datetime
    created_by: str


@dataclass(frozen=True, kw_only=True)
class StoredParameter:
    """A parameter with one of its versions: the newest, unless another was asked for."""

    id: StoredParameterId
    name: str  # unique among the common, or among the secret ones
    type: Type
    description: str = ""
    constraints: str = ""  # JSON as it was given; empty: none
    key_id: str = ""  # a label
    dkms_instance_id: str = ""  # a label
    created_at: datetime
    created_by: str
    resource_group_id: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    version: StoredVersion

    @property
    def secret(self) -> bool:
        return self.type is Type.SECRET


def folder(name: str) -> str:
    """The path of the folder that a name is in. Slashes around a path mean nothing."""
    return path(name.strip("/").rpartition("/")[0])


def path(given: str) -> str:
    """A path as it is compared: ``a/b/``; the one of everything is empty."""
    inner = given.strip("/")
    return f"{inner}/" if inner else ""


def items(kind: Type, value: str) -> list[str]:
    """The texts that a value consists of: a list is JSON, or has commas between its items."""
    if kind is not Type.STRING_LIST:
        return [value]
    if value.lstrip().startswith("["):
        found = _decoded(value)
        if isinstance(found, list) and all(isinstance(one, str) for one in found):
            return found
    return [one.strip() for one in value.split(",")]


def meaning(kind: Type, value: str) -> str | list[str]:
    """What a reference to it is worth in a template."""
    return items(kind, value) if kind is Type.STRING_LIST else value


def _decoded(text: str) -> Any:
    """What JSON text says; None where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


@dataclass(frozen=True, kw_only=True)
class Constraints:
    """What each item of a value must keep. None and empty do not bind."""

    allowed_values: Sequence[str] | None = None
    allowed_pattern: str = ""  # looked at by whoever can run patterns
    least: int | None = None  # characters
    most: int | None = None


_NAMES = ("AllowedValues", "AllowedPattern", "MinLength", "MaxLength")


def constraints(text: str) -> Constraints:
    """What the JSON text of constraints says; ConstraintsInvalid."""
    if not text:
        return Constraints()
    found = _decoded(text)
    if not isinstance(found, dict):
        raise ConstraintsInvalid("they are no JSON object")
    strange = [name for name in found if name not in _NAMES]
    if strange:
        raise ConstraintsInvalid(f"{strange[0]} is none of {', '.join(_NAMES)}")
    pattern = found.get("AllowedPattern") or ""
    if not isinstance(pattern, str):
        raise ConstraintsInvalid("AllowedPattern is no text")
    least, most = _length(found, "MinLength"), _length(found, "MaxLength")
    if least is not None and most is not None and least > most:
        raise ConstraintsInvalid("MinLength is more than MaxLength")
    return Constraints(
        allowed_values=_allowed(found.get("AllowedValues")),
        allowed_pattern=pattern,
        least=least,
        most=most,
    )


def _allowed(given: Any) -> list[str] | None:
    """A list of texts, which may itself be given as JSON text."""
    found = _decoded(given) if isinstance(given, str) else given
    if given is None:
        return None
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise ConstraintsInvalid("AllowedValues is no list of texts")
    return found


def _length(given: Mapping[str, Any], name: str) -> int | None:
    value = given.get(name)
    if value is None:
        return None
    if isinstance(value, str) and value.isdecimal() and len(value) < 9:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ConstraintsInvalid(f"{name} is no whole number from 0")
    return value


def broken(rules: Constraints, item: str) -> str:
    """The rule that an item of a value breaks, in a phrase that does not tell it; or nothing."""
    if rules.allowed_values is not None and item not in rules.allowed_values:
        return "it is none of its AllowedValues"
    if rules.least is not None and len(item) < rules.least:
        return f"it is shorter than {rules.least} characters"
    if rules.most is not None and len(item) > rules.most:
        return f"it is longer than {rules.most} characters"
    return ""
