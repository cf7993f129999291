"""Moments and durations as the wire spells them, and back. Every moment is UTC."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

_SECOND = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)Z", re.ASCII)
_MINUTE = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)Z", re.ASCII)
_DURATION = re.compile(
    r"P(?:(?P<weeks>\d{1,6})W)?(?:(?P<days>\d{1,6})D)?"
    r"(?:T(?:(?P<hours>\d{1,6})H)?(?:(?P<minutes>\d{1,6})M)?(?:(?P<seconds>\d{1,9})S)?)?",
    re.ASCII,
)


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


def duration(length: timedelta) -> str:
    """ISO 8601, in hours, minutes and whole seconds: ``PT1H30M``."""
    minutes, seconds = divmod(int(length.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{count}{unit}" for count, unit in ((hours, "H"), (minutes, "M"), (seconds, "S"))]
    return "PT" + ("".join(part for part in parts if not part.startswith("0")) or "0S")


def parse_duration(text: str) -> timedelta:
    """An ISO 8601 duration of weeks, days, hours, minutes and seconds; ValueError otherwise."""
    match = _DURATION.fullmatch(text)
    given = {} if match is None else {k: int(v) for k, v in match.groupdict().items() if v}
    if not given or text.endswith("T"):
        raise ValueError(f"cannot read {text!r} as a duration")
    return timedelta(**given)
