"""The name that was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from itertools import islice

# Names that one is compared with, and steps that may take: difflib's time grows with the cube of
# their length.
_MOST = 200
_STEPS = 2_000_000
_LIKE = 0.75  # difflib's ratio


def closest(name: str, known: Iterable[str], *, like: float = _LIKE) -> str:
    """The known name most like this one, without regard to case; empty if none is."""
    by_lower = {one.lower(): one for one in _comparable(name, islice(known, _MOST))}
    found = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=like)
    return by_lower[found[0]] if found else ""


def _comparable(name: str, known: Iterable[str]) -> Iterator[str]:
    left = _STEPS
    for one in known:
        steps = len(name) * len(one) ** 2
        if steps <= left:
            left -= steps
            yield one


def hint(name: str, known: Iterable[str]) -> str:
    """``; do you mean Tasks?``, or nothing where no name is like it."""
    found = closest(name, known)
    return f"; do you mean {found}?" if found else ""
