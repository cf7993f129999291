"""Values of messages as they must be, or ValueError with a sentence. Stricter than Python's own
conversions: what passes can be stored, counted with and shown."""

from __future__ import annotations

from typing import Any, List, Mapping, Optional

_MOST = 10**14  # milliseconds since the epoch until the year 5138; more is no moment and no count
_LONGEST = 4096  # characters of a text that somebody gives


def text(values: "Mapping[str, Any]", name: str, *, longest: int = _LONGEST) -> str:
    """Empty when it is not there."""
    value = values.get(name, "")
    if not isinstance(value, str):
        raise ValueError(f"{name} is not a string")
    if len(value) > longest:
        raise ValueError(f"{name} is longer than {longest} characters")
    try:
        value.encode()
    except UnicodeEncodeError:  # half of a pair of surrogates
        raise ValueError(f"{name} is not Unicode text") from None
    return value


def number(query: "Mapping[str, str]", name: str, *, signed: bool = False) -> int:
    """A whole number spelled in digits; 0 when it is missing or empty."""
    digits = query.get(name) or "0"
    value = whole(digits)
    if value is None or (value < 0 and not signed):
        raise ValueError(f"{name} is not a number that it can be: {digits[:40]}")
    return value


def whole(digits: str) -> "Optional[int]":
    """The number that ``digits`` spell; None when they spell none, or one too large to mean it."""
    bare = digits.removeprefix("-")
    if not bare.isascii() or not bare.isdigit() or len(bare) > 15:
        return None
    value = int(digits)
    return value if abs(value) <= _MOST else None


def entries(values: "Mapping[str, Any]", name: str) -> "List[Mapping[str, Any]]":
    """A list of objects; empty when it is missing or null."""
    found = values.get(name)
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise ValueError(f"{name} is not a list of objects")
    return found


def entry(values: "Mapping[str, Any]", name: str) -> "Mapping[str, Any]":
    """An object; empty when it is missing or null."""
    found = values.get(name)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise ValueError(f"{name} is not an object")
    return found


def texts(values: "Mapping[str, Any]", name: str) -> "List[str]":
    """A list of texts; empty when it is missing or null."""
    found = values.get(name)
    if found is None:
        return []
    if not isinstance(found, list):
        raise ValueError(f"{name} is not a list")
    return [text({name: value}, name) for value in found]
