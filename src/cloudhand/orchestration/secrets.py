"""What stands for secrets in everything that is stored, until the call that needs them.

A stand-in is a map: under SECRET is the name of a secret, or the parts of a text that holds some;
under MARK is the mark of the execution, which nobody outside is told. So what comes in from
outside can look like a stand-in, and still is nothing but data.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

SECRET, MARK = "Cloudhand::Secret", "Cloudhand::Mark"
HIDDEN = "****"  # what is shown in place of what is not to be seen
_TELLING = 8  # characters of a secret that are enough to tell it


def stand_in(name: str, mark: str) -> dict[str, Any]:
    return {SECRET: name, MARK: mark}


def joined(parts: Sequence[Any], mark: str) -> Any:
    """A text of parts; what stands for it where one of the parts is a stand-in."""
    if all(isinstance(part, str) for part in parts):
        return "".join(parts)
    return {SECRET: list(parts), MARK: mark}


def alike(value: Any) -> bool:
    """Whether it looks like a stand-in."""
    return isinstance(value, dict) and value.keys() == {SECRET, MARK}


def genuine(value: Any, mark: str) -> bool:
    return alike(value) and bool(mark) and value[MARK] == mark


def held(value: Any) -> bool:
    """Whether there is something in a value that looks like a stand-in."""
    if isinstance(value, Mapping):
        return alike(value) or any(map(held, value.values()))
    return isinstance(value, list) and any(map(held, value))


def names(value: Any, mark: str) -> set[str]:
    """Of the secrets that stand somewhere in a value."""
    return set(_names(value, mark))


def _names(value: Any, mark: str) -> Iterator[str]:
    if genuine(value, mark):
        held = value[SECRET]
        if isinstance(held, str):
            yield held
        else:
            yield from _names(held, mark)
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _names(one, mark)
    elif isinstance(value, list):
        for one in value:
            yield from _names(one, mark)


def revealed(value: Any, mark: str, known: Mapping[str, str]) -> Any:
    """The value with its secrets in the clear. All its names are known."""
    if genuine(value, mark):
        held = value[SECRET]
        if isinstance(held, str):
            return known[held]
        return "".join(revealed(part, mark, known) for part in held)
    if isinstance(value, Mapping):
        return {key: revealed(one, mark, known) for key, one in value.items()}
    if isinstance(value, list):
        return [revealed(one, mark, known) for one in value]
    return value


def masked(value: Any) -> Any:
    """The value as it may be shown: with references in place of what stands for secrets."""
    if alike(value):
        held = value[SECRET]
        if isinstance(held, list):
            return "".join(str(masked(part)) for part in held)
        return f"{{{{oos-secret:{held}}}}}"
    if isinstance(value, Mapping):
        return {key: masked(one) for key, one in value.items()}
    if isinstance(value, list):
        return [masked(one) for one in value]
    return value


def scrubbed(text: str, known: Collection[str]) -> str:
    """A message without secrets, nor the beginning of one, which may have been cut off."""
    for secret in sorted(filter(None, known), key=len, reverse=True):
        text = HIDDEN.join(_around(text, secret))
    return text


def _around(text: str, secret: str) -> Iterator[str]:
    """The pieces of a text between the occurrences of a secret."""
    beginning = secret[:_TELLING]
    while (at := text.find(beginning)) >= 0:
        yield text[:at]
        end = at + len(beginning)
        while end - at < len(secret) and text[end : end + 1] == secret[end - at]:
            end += 1
        text = text[end:]
    yield text
