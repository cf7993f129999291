"""When a command runs again: the Frequency of an invocation, read once and asked for what is next.

Three forms, as the published API writes them: ``rate(5m)``, ``at(2026-12-01 03:00:00
Asia/Shanghai)``, and a cron expression of six fields, a year and a time zone behind them. In cron
expressions 1 is Monday.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import pairwise, product
from typing import Protocol

from cloudhand.wire import schedule
from cloudhand.wire.schedule import Cron

_RATE = re.compile(r"rate\(\s*(\d{1,7})\s*([smhd])\s*\)", re.IGNORECASE | re.ASCII)
_AT = re.compile(
    r"at\(\s*(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)(?:\s+(\S+))?\s*\)",
    re.IGNORECASE | re.ASCII,
)
_YEAR = re.compile(r"[\d,*/?-]+", re.ASCII)

_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)
_UNITS = {"s": _SECOND, "m": timedelta(minutes=1), "h": timedelta(hours=1), "d": _DAY}
_SHORTEST_RATE = timedelta(seconds=60)
_LONGEST_RATE = timedelta(days=7)
_SHORTEST_CRON = timedelta(seconds=10)


class Frequency(Protocol):
    def after(self, moment: datetime) -> datetime | None:
        """The first moment later than this one, in UTC; None: it never comes again."""


@dataclass(frozen=True, kw_only=True)
class Rate:
    """A fixed grid. What takes longer or comes late does not move it."""

    begin: datetime  # the first moment is one span later
    span: timedelta

    def after(self, moment: datetime) -> datetime | None:
        passed = max(moment - self.begin, timedelta()) // self.span
        return self.begin + (passed + 1) * self.span


def read(text: str, *, begin: datetime, where: tzinfo) -> Frequency:
    """ValueError. ``begin`` is when the invocation was made, ``where`` the zone of its machine,
    which holds for a cron expression that names none."""
    match = _RATE.fullmatch(text.strip())
    if match:
        span = int(match[1]) * _UNITS[match[2].lower()]
        if not _SHORTEST_RATE <= span <= _LONGEST_RATE:
            raise ValueError(f"cannot follow {text!r}: it is not from 60 seconds to 7 days")
        return Rate(begin=begin.replace(microsecond=0), span=span)
    match = _AT.fullmatch(text.strip())
    if match:
        *moment, zone = match.groups()
        year, month, day, hour, minute, second = (int(part) for part in moment)
        date(year, month, day)  # there is no 31st of April; a cron expression would never come
        at = f"{second} {minute} {hour} {day} {month} ? {year}"
        return schedule.cron(at, schedule.zone(zone) if zone else UTC, monday=1)
    return _cron(text, where)


def _cron(text: str, where: tzinfo) -> Cron:
    fields = text.split()
    if len(fields) > 6 and not _YEAR.fullmatch(fields[-1]):
        where = schedule.zone(fields.pop())
    return schedule.cron(" ".join(fields), where, monday=1)


def check(text: str, *, timeout: timedelta, now: datetime) -> None:
    """ValueError unless it can be read, and a run has timed out before the next one comes."""
    match read(text, begin=now, where=UTC):
        case Rate(span=span):
            _check_span(text, span, timeout)
        case Cron() as cron:
            span = _shortest_span(cron, now.date())
            if span < _SHORTEST_CRON:
                raise ValueError(f"cannot follow {text!r}: it comes within less than 10 seconds")
            _check_span(text, span, timeout)


def _check_span(text: str, span: timedelta, timeout: timedelta) -> None:
    if span < timeout:
        raise ValueError(
            f"cannot follow {text!r}: it comes within {int(span.total_seconds())} seconds,"
            f" and a run may take {int(timeout.total_seconds())}"
        )


def _shortest_span(cron: Cron, today: date) -> timedelta:
    """How soon it may come again, as clocks show it."""
    times = [
        timedelta(hours=hour, minutes=minute, seconds=second)
        for hour, minute, second in product(cron.hours, cron.minutes, cron.seconds)
    ]
    spans = [later - earlier for earlier, later in pairwise(times)]
    if _on_days_in_a_row(cron, today):
        spans.append(_DAY + times[0] - times[-1])
    return min(spans, default=_DAY)


def _on_days_in_a_row(cron: Cron, today: date) -> bool:
    days = [
        day
        for day in (today + number * _DAY for number in range(4 * 366))
        if day.month in cron.months and cron.day(day)
    ]
    return any(later - earlier == _DAY for earlier, later in pairwise(days))
