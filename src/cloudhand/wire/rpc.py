"""Values to flat RPC parameters and back: ``InstanceId.1``, ``Tag.1.Key``, ``SystemDisk.Size``.

Reading follows what clients are known to send: numbers in any order and with gaps, a list of
one without its number, booleans in any case.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def flatten(values: Mapping[str, Any]) -> dict[str, str]:
    """Flat parameters for values, lists and mappings; None is left out."""
    return dict(_flat("", values))


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    prefix = f"{name}." if name else ""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(f"{prefix}{key}", inner)
    elif isinstance(value, (list, tuple)):
        for number, inner in enumerate(value, 1):
            yield from _flat(f"{prefix}{number}", inner)
    elif isinstance(value, bool):
        yield name, "true" if value else "false"
    elif value is not None:
        yield name, str(value)


def listed(flat: Mapping[str, str], name: str) -> list[str]:
    """``name.1``, ``name.2``, … in the order of their numbers; else ``name`` alone, if given."""
    dotted = f"{name}."
    found = []
    for key, value in flat.items():
        if key.startswith(dotted):
            number = _number(key[len(dotted) :])
            if number:
                found.append((number, value))
    if not found and name in flat:
        return [flat[name]]
    return [value for _, value in sorted(found)]


def records(flat: Mapping[str, str], name: str) -> list[dict[str, str]]:
    """``name.1.Key``, ``name.1.Value``, … as one mapping a number, in the order of the numbers."""
    dotted = f"{name}."
    found: dict[int, dict[str, str]] = {}
    for key, value in flat.items():
        if key.startswith(dotted):
            digits, _, inner = key[len(dotted) :].partition(".")
            number = _number(digits)
            if number and inner:
                found.setdefault(number, {})[inner] = value
    return [found[number] for number in sorted(found)]


def _number(digits: str) -> int:
    """The number that ``digits`` spell, 0 when they do not count anything."""
    readable = digits.isascii() and digits.isdigit() and len(digits) < 10
    return int(digits) if readable else 0


def truth(text: str) -> bool:
    """ValueError unless ``text`` is true or false, in any case."""
    lowered = text.lower()
    if lowered not in ("true", "false"):
        raise ValueError(f"cannot read {text!r} as true or false")
    return lowered == "true"
