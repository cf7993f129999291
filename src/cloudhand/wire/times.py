"""Moments as the wire spells them, and back. Every moment is UTC."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

_SECOND = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)Z", re.ASCII)
_MINUTE = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)Z", re.ASCII)


def second(moment: datetime | None) -> str:
    """``2026-01-02T03:04:05Z``; no moment is empty text, as in the published samples."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ") if moment else ""


def minute(moment: datetime | None) -> str:
    """``2026-01-02T03:04Z``, as the operations about instances spell it."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%MZ") if moment else ""


def parse_second(text: str) -> datetime:
    """ValueError unless ``text`` is exactly of the form that ``second`` gives."""
    return _parse(_SECOND, text)


def parse_minute(text: str) -> datetime:
    """ValueError unless ``text`` is exactly of the form that ``minute`` gives."""
    return _parse(_MINUTE, text)


def _parse(form: re.Pattern[str], text: str) -> datetime:
    match = form.fullmatch(text)
    if match is None:
        raise ValueError(f"cannot read {text!r} as a time")
    year, month, day, *rest = (int(group) for group in match.groups())
    hour, minutes, seconds = (*rest, 0)[:3]
    return datetime(year, month, day, hour, minutes, seconds, tzinfo=timezone.utc)


def span(length: timedelta) -> str:
    """``90 min``: by the largest unit of which it is a whole number."""
    seconds = int(length.total_seconds())
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds % size == 0:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
