"""What functions take: arguments of the right number and kind, or ValueError with a phrase."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cloudhand.orchestration import secrets
from cloudhand.orchestration.values import shown

_LARGEST = 1 << 20  # characters of a text, or elements of a list, that a function makes
_COMPARISONS = 1 << 21


def arguments(argument: Any, *what: str) -> list[Any]:
    """As many as are named; ValueError."""
    if not isinstance(argument, list) or len(argument) != len(what):
        raise ValueError(f"it takes [{', '.join(what)}], not {shown(argument)}")
    return argument


def as_list(value: Any) -> list[Any]:
    """A list; nothing is an empty one."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise ValueError(f"{shown(value)} is no list")
    return value


def as_map(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or secrets.alike(value):
        raise ValueError(f"{shown(value)} is no map")
    return value


def only_list(argument: Any) -> list[Any]:
    """A list, given as the argument itself or as its only element."""
    found = as_list(argument)
    return found[0] if len(found) == 1 and isinstance(found[0], list) else found


def lists(argument: Any) -> list[list[Any]]:
    """Several lists; nothing among them counts as none."""
    return [as_list(one) for one in as_list(argument) if one is not None]


def comparable(many: Sequence[Any], others: Sequence[Any]) -> None:
    """ValueError for what would take too long to compare, each with each."""
    if _parts(many) * len(others) > _COMPARISONS:
        raise ValueError(f"it would compare more than {_COMPARISONS} pairs")


def _parts(value: Any) -> int:
    if isinstance(value, Mapping):
        return 1 + sum(map(_parts, value.values()))
    if isinstance(value, Sequence) and not isinstance(value, str):
        return 1 + sum(map(_parts, value))
    return 1


def bound(size: int) -> None:
    """ValueError for what would become too large to hold."""
    if size > _LARGEST:
        raise ValueError(f"it would give more than {_LARGEST} characters or elements")
