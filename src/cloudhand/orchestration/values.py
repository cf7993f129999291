"""How values of templates read as text, compare, and count as true."""

from __future__ import annotations

import json
from typing import Any

from cloudhand.orchestration import secrets


def text(value: Any) -> str:
    """Text as it is, nothing as an empty text, everything else as JSON; secrets by their names."""
    value = secrets.masked(value)
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def same(one: Any, other: Any) -> bool:
    """Equal as JSON; a number or truth value is also equal to its text."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, bool) is not isinstance(other, bool) and not (
        isinstance(one, str) or isinstance(other, str)
    ):
        return False
    if isinstance(one, str) is not isinstance(other, str) and not _compound(one, other):
        return one is not None and other is not None and text(one) == text(other)
    return bool(one == other)


def _compound(*values: Any) -> bool:
    return any(isinstance(value, dict | list) for value in values)


def truth(value: Any) -> bool:
    """ValueError unless it is true or false, or the text of one."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise ValueError(f"{shown(value)} is neither true nor false")


def shown(value: Any) -> str:
    """A value in a message: as JSON, short, and secrets by their names."""
    told = json.dumps(secrets.masked(value), ensure_ascii=False)
    return told if len(told) <= 80 else f"{told[:79]}…"
