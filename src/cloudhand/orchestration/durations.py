"""Spans of time as templates write them: ISO 8601, in any case, and short forms without PT."""

from __future__ import annotations

import re
from datetime import timedelta

_SPAN = re.compile(
    r"P?(?:(?P<weeks>\d{1,7})W)?(?:(?P<days>\d{1,7})D)?"
    r"T?(?:(?P<hours>\d{1,7})H)?(?:(?P<minutes>\d{1,7})M)?(?:(?P<seconds>\d{1,7})S)?",
    re.IGNORECASE | re.ASCII,
)


def parse(text: str) -> timedelta:
    """ValueError unless it is a span. ``M`` is minutes, also without PT."""
    match = _SPAN.fullmatch(text.strip())
    if match is None or not any(match.groupdict().values()):
        raise ValueError(f"{text!r} is no span of time like PT5M")
    return timedelta(**{unit: int(count or 0) for unit, count in match.groupdict().items()})


def spell(span: timedelta) -> str:
    """``PT8H30M``"""
    seconds = int(span.total_seconds())
    hours, seconds = divmod(seconds, 3600)
    minutes, seconds = divmod(seconds, 60)
    parts = [(hours, "H"), (minutes, "M"), (seconds, "S")]
    told = "".join(f"{count}{unit}" for count, unit in parts if count)
    return f"PT{told or '0S'}"
