"""How values of templates are read from text, read as text, compare, and count as true."""

from __future__ import annotations

import json
import math
import sys
from contextlib import suppress
from typing import Any

from cloudhand.orchestration import secrets

DEEPEST = 64  # levels of a value; whatever handles values recurses
_LARGEST = sys.float_info.max  # of whole numbers, beyond which others read it as infinite


def decoded(text: str) -> Any:
    """What JSON text says; ValueError, also for what ``check`` refuses."""
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError(f"it is nested deeper than {DEEPEST} levels") from None
    check(value)
    return value


def check(value: Any, *, depth: int = 0) -> None:
    """ValueError for what could not be kept as JSON text and read again."""
    if depth > DEEPEST:
        raise ValueError(f"it is nested deeper than {DEEPEST} levels")
    if isinstance(value, dict):
        for key, one in value.items():
            check(key)
            check(one, depth=depth + 1)
    elif isinstance(value, list):
        for one in value:
            check(one, depth=depth + 1)
    elif (wrong := _wrong(value)) is not None:
        raise ValueError(wrong)


def _wrong(value: Any) -> str | None:
    if isinstance(value, str):
        # A surrogate, which stands for nothing without another one.
        half = not value.isascii() and any("\ud800" <= one <= "\udfff" for one in value)
        return "it has half of a character" if half else None
    if isinstance(value, int):
        return "it has a number that is too large" if abs(value) > _LARGEST else None
    if isinstance(value, float) and not math.isfinite(value):
        return "it has a number that JSON cannot hold"
    return None


def weight(value: Any) -> int:
    """About how many characters it has as JSON text."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, list):
        return sum(map(weight, value), len(value))
    if isinstance(value, dict):
        return sum(len(key) + weight(one) for key, one in value.items())
    return 1


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


def number(value: Any) -> int | float:
    """A number, or the text of one; ValueError."""
    found = value
    if isinstance(value, str):
        with suppress(ValueError):
            found = float(value)
        with suppress(ValueError):
            found = int(value)
    if isinstance(found, int | float) and not isinstance(found, bool) and _wrong(found) is None:
        return found
    raise ValueError(f"{shown(value)} is no number")


def whole(value: Any) -> int:
    """A number without a fraction, or the text of one; ValueError."""
    with suppress(ValueError):
        if (found := number(value)) == int(found):
            return int(found)
    raise ValueError(f"{shown(value)} is no whole number")


def shown(value: Any) -> str:
    """A value in a message: as JSON, short, and secrets by their names."""
    told = json.dumps(secrets.masked(value), ensure_ascii=False)
    return told if len(told) <= 80 else f"{told[:79]}…"
