"""The machines that a configuration of ssh names, one by one: its patterns name none."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator

from cloudhand.cli.adopt.draft import Unreadable

_DEEPEST = 16  # files that include each other, as in ssh
_PATTERN = set("*?!")

# The files that an Include names, each with its path.
Include = Callable[[str], Iterable[tuple[str, str]]]


def names(text: str, path: str, include: Include, *, depth: int = 0) -> Iterator[str]:
    """As they are to be given to ssh; Unreadable."""
    for number, line in enumerate(text.splitlines(), 1):
        where = f"{path}:{number}"
        keyword, values = _words(line, where)
        if keyword == "host":
            yield from (value for value in values if not _PATTERN & set(value))
        elif keyword == "include":
            if depth == _DEEPEST:
                raise Unreadable(where, f"more than {_DEEPEST} files include each other")
            for value in values:
                for inner, content in include(value):
                    yield from names(content, inner, include, depth=depth + 1)


def _words(line: str, where: str) -> tuple[str, list[str]]:
    """KEYWORD VALUES, or KEYWORD=VALUES; the keyword in small letters."""
    line = line.strip()
    head = line.split(None, 1)[0] if line and line[0] != "#" else ""
    keyword = head.partition("=")[0].lower()
    if keyword not in ("host", "include"):
        return "", []  # it may be quoted as other rules want it
    rest = line[len(keyword) :].lstrip().removeprefix("=")
    try:
        return keyword, shlex.split(rest, comments=True)
    except ValueError:
        raise Unreadable(where, "a quotation is not closed") from None
