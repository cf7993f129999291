"""Functions of the language about moments and spans of time, as in ``functions``."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from cloudhand.orchestration import durations
from cloudhand.orchestration.arguments import arguments, bound
from cloudhand.orchestration.values import number, shown, text
from cloudhand.wire import times

_DAY = date(2000, 1, 1)  # any
_WIDEST = 256  # characters that Python lets each one of a format become


def add_hour(argument: Any) -> str:
    moment, hours = arguments(argument, "time", "hours")
    try:
        return times.second(_moment(moment) + timedelta(hours=number(hours)))
    except OverflowError:
        raise ValueError(f"{shown(hours)} hours are too many") from None


def format_time(argument: Any) -> str:
    moment, form = arguments(argument, "time", "format")
    bound(_WIDEST * len(text(form)))
    return _moment(moment).strftime(text(form))


def ops_window(argument: Any) -> str:
    """The time itself inside a daily window, else when the window opens next."""
    opens, closes, when = arguments(argument, "window start", "window end", "time")
    moment, start, end = _moment(when), _clock(opens), _clock(closes)
    of_day = moment.time().replace(microsecond=0)
    inside = start <= of_day < end if start < end else of_day >= start or of_day < end
    if inside:
        return times.second(moment)
    opening = datetime.combine(moment.date(), start, UTC)
    return times.second(opening if opening > moment else opening + timedelta(days=1))


def _clock(value: Any) -> time:
    written = text(value).strip()
    try:
        found = time.fromisoformat(written)
    except ValueError:
        return _moment(written).time()
    return _moment(f"{_DAY}T{written}").time() if found.tzinfo else found


def duration_between(argument: Any) -> str:
    begin, end = arguments(argument, "from", "to")
    try:
        span = _moment(end) - _moment(begin)
    except ValueError:
        day = datetime.combine(_DAY, _clock(begin))
        span = datetime.combine(_DAY, _clock(end)) - day
        if span < timedelta():
            span += timedelta(days=1)  # over midnight
    if span < timedelta():
        raise ValueError(f"{shown(end)} comes before {shown(begin)}")
    return durations.spell(span)


def _moment(value: Any) -> datetime:
    try:
        found = datetime.fromisoformat(text(value))
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{shown(value)} is no time like 2026-01-02T03:04:05Z") from None
