"""Spans of the week, as people write them: ``Mon-Fri 22:00-04:00``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, FrozenSet, Optional

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_SPAN = re.compile(r"(?:([A-Za-z,-]+) )?(\d\d):(\d\d)-(\d\d):(\d\d)\Z")
_WHOLE_DAY = 24 * 60


@dataclass(frozen=True)
class Span:
    """Minutes of a day; one that ends before it begins goes on into the next day."""

    days: FrozenSet[int]  # on which it begins; Monday is 0
    begin: int
    end: int

    def holds(self, day: int, minute: int) -> bool:
        if self.begin < self.end:
            return day in self.days and self.begin <= minute < self.end
        yesterday = (day - 1) % 7
        return (day in self.days and minute >= self.begin) or (
            yesterday in self.days and minute < self.end
        )


def span(text: str) -> Span:
    """Without days it is of each day; ValueError with a clause."""
    match = _SPAN.match(text)
    days = _days(match.group(1)) if match else frozenset()
    begin, end = _minutes(match, 2), _minutes(match, 4)
    if match and begin == end:
        raise ValueError(f"begins and ends at the same time in {text!r}")
    if not days or begin >= _WHOLE_DAY or end > _WHOLE_DAY:
        raise ValueError(
            f'has no time in {text!r}; write "Mon-Fri 22:00-04:00", "Sat,Sun 00:00-24:00"'
        )
    return Span(days, begin, end)


def _days(text: Optional[str]) -> "FrozenSet[int]":
    """Which days of the week are meant; none: it is not understood."""
    if text is None:
        return frozenset(range(7))
    found = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        if first not in DAYS or (last if dash else first) not in DAYS:
            return frozenset()
        begin, end = DAYS.index(first), DAYS.index(last if dash else first)
        found |= {(begin + step) % 7 for step in range((end - begin) % 7 + 1)}
    return frozenset(found)


def _minutes(match: "Optional[re.Match[str]]", group: int) -> int:
    """Of the day; more than there are for what is no time."""
    if match is None or int(match.group(group + 1)) > 59:
        return _WHOLE_DAY + 1
    return int(match.group(group)) * 60 + int(match.group(group + 1))


def zone_of(name: str) -> Any:
    """KeyError, ValueError or OSError if the machine knows no such time zone."""
    from datetime import timezone
    from zoneinfo import ZoneInfo

    return timezone.utc if name == "UTC" else ZoneInfo(name)
