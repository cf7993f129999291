"""Records that follow one another in a chain, as lines of JSON: what is changed in one is seen.

Each record names the digest of the one before it; its own is SHA-256 of its text, and stands at the
end of its line. Whoever has noted the digest of one record can tell that all up to it are as they
were.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

FIRST = "0" * 64  # what the first record names as the digest before it

_LINE = re.compile(r'(?P<text>.*),"digest":"(?P<digest>[0-9a-f]{64})"\}', re.DOTALL)


@dataclass(frozen=True)
class Link:
    """One record of a chain."""

    number: int  # one more than that of the record before it
    text: str  # JSON, with "number" and "previous"
    digest: str

    @property
    def line(self) -> str:
        return f'{self.text[:-1]},"digest":"{self.digest}"}}'

    @property
    def record(self) -> dict[str, Any]:
        return dict(json.loads(self.text))


class Broken(Exception):
    """A chain is not what was written; the text says where, and in which way."""


def link(previous: Link | None, record: Mapping[str, Any]) -> Link:
    """``record`` as the next one."""
    number = previous.number + 1 if previous else 1
    before = previous.digest if previous else FIRST
    text = json.dumps(
        {"number": number, **record, "previous": before},
        ensure_ascii=False,
        separators=(",", ":"),
    )
    return Link(number=number, text=text, digest=_digest(text))


def read(line: str) -> Link:
    """What was written as a line; Broken."""
    found = _LINE.fullmatch(line)
    text = f"{found['text']}}}" if found else ""
    try:
        number = json.loads(text)["number"]
    except (ValueError, KeyError, TypeError, RecursionError):
        number = None
    if found is None or not isinstance(number, int):
        raise Broken(f"this is no record: {line[:80]!r}")
    return Link(number=number, text=text, digest=found["digest"])


def check(links: Iterable[Link]) -> tuple[int, Link | None]:
    """How many there are, the oldest first, and the last of them; Broken."""
    count, before = 0, None
    for one in links:
        if _digest(one.text) != one.digest:
            raise Broken(f"record {one.number} was changed: its digest is that of another text")
        if before is not None and one.number != before.number + 1:
            raise Broken(f"after record {before.number} comes {one.number}: some are missing")
        if before is not None and one.record.get("previous") != before.digest:
            raise Broken(f"record {one.number} does not follow record {before.number}")
        if before is None and one.number == 1 and one.record.get("previous") != FIRST:
            raise Broken("record 1 does not begin the chain")
        count, before = count + 1, one
    return count, before


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
