"""Cron expressions as Quartz and Cloud Assistant write them: the next moment after a given one.

An expression holds in a time zone, whose clocks are put forward and back. Where every hour of the
day is meant, it goes on as time does: what the clocks leave out does not come, and what they show
twice comes twice. Where certain hours are meant, what the clocks leave out comes at the first
moment after, and what they show twice comes the first time only.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from itertools import product
from typing import Callable, FrozenSet, Iterator, List, Optional, Tuple
from zoneinfo import ZoneInfo

_YEARS = range(1970, 2100)  # as Quartz has them
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
_OFFSET = re.compile(r"(?:GMT|UTC)([+-])(\d{1,2})(?::(\d\d))?", re.ASCII)
_PART = re.compile(r"(?P<from>\*|\w+)(?:-(?P<to>\w+))?(?:/(?P<step>\d{1,4}))?", re.ASCII)
_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)

DayRule = Callable[[date], bool]


def zone(name: str) -> tzinfo:
    """An IANA name, UTC, or an offset like GMT+8:00; ValueError."""
    if name.upper() in ("UTC", "GMT", "Z"):
        return timezone.utc
    match = _OFFSET.fullmatch(name)
    if match:
        hours, minutes = int(match[2]), int(match[3] or 0)
        span = timedelta(hours=hours, minutes=minutes)
        west, east = timedelta(hours=12, minutes=59), timedelta(hours=14, minutes=59)
        if minutes > 59 or span > (west if match[1] == "-" else east):
            raise ValueError(f"cannot read the time zone {name}: it is out of range")
        return timezone(-span if match[1] == "-" else span)
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        raise ValueError(f"cannot find the time zone {name}") from None


@dataclass(frozen=True)
class Cron:
    """All values are in order; ``day`` says on which days it comes."""

    seconds: Tuple[int, ...]
    minutes: Tuple[int, ...]
    hours: Tuple[int, ...]
    months: FrozenSet[int]
    years: FrozenSet[int]
    day: DayRule
    zone: tzinfo

    def after(self, moment: datetime) -> Optional[datetime]:
        """The first moment later than this one, in UTC; None: it never comes again."""
        today = moment.astimezone(self.zone).date()
        earliest: Optional[datetime] = None
        # Where clocks are put back over midnight, a day goes on after the next one has begun.
        for found in self._days(today - _DAY):
            come = self._first(found, moment)
            if earliest is not None:
                return earliest if come is None else min(earliest, come)
            earliest = come
        return earliest

    def _days(self, first: date) -> Iterator[date]:
        day = first
        while day.year <= max(self.years, default=0):
            if day.year not in self.years:
                day = date(day.year + 1, 1, 1)
            elif day.month not in self.months:
                day = _next_month(day)
            else:
                if self.day(day):
                    yield day
                day += _DAY

    def _first(self, day: date, moment: datetime) -> Optional[datetime]:
        """The first moment of a day that is later than ``moment``."""
        if len(self.hours) == 24 and _offsets(day, self.zone) > 1:
            return self._first_as_time_goes(day, moment)
        # In the order of the clock they are in the order of time, too.
        last = self.seconds[-1]
        for hour in self.hours:
            if self._at(day, hour, self.minutes[-1], last) <= moment:
                continue
            minute = next(m for m in self.minutes if self._at(day, hour, m, last) > moment)
            found = (self._at(day, hour, minute, second) for second in self.seconds)
            return next(one for one in found if one > moment)
        return None

    def _at(self, day: date, hour: int, minute: int, second: int) -> datetime:
        local = datetime.combine(day, time(hour, minute, second))
        return _meant(local, self.zone)

    def _first_as_time_goes(self, day: date, moment: datetime) -> Optional[datetime]:
        minutes: List[datetime] = []
        for hour, minute in product(self.hours, self.minutes):
            local = datetime.combine(day, time(hour, minute))
            minutes += _shown(local, self.zone)
        for start in sorted(minutes):
            if start + self.seconds[-1] * _SECOND > moment:
                found = (start + second * _SECOND for second in self.seconds)
                return next(one for one in found if one > moment)
        return None


def _next_month(day: date) -> date:
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)


def _offsets(day: date, where: tzinfo) -> int:
    """How many offsets from UTC the clocks of a day have."""
    start = datetime(day.year, day.month, day.day, tzinfo=where)
    hours = (start + timedelta(hours=hour, minutes=30) for hour in range(-1, 25))
    return len({hour.utcoffset() for hour in hours})


def _shown(local: datetime, where: tzinfo) -> List[datetime]:
    """The moments at which clocks show this: one, two, or none."""
    found = []
    for fold in (0, 1):
        moment = local.replace(tzinfo=where, fold=fold).astimezone(timezone.utc)
        if moment.astimezone(where).replace(tzinfo=None) == local and moment not in found:
            found.append(moment)
    return found


def _meant(local: datetime, where: tzinfo) -> datetime:
    """The first moment at which clocks show this, or go past it."""
    shown = _shown(local, where)
    if shown:
        return shown[0]
    # The clocks are put forward between these two moments: find when, to the second.
    later = local.replace(tzinfo=where, fold=0).astimezone(timezone.utc)
    earlier = local.replace(tzinfo=where, fold=1).astimezone(timezone.utc)
    new = later.astimezone(where).utcoffset()
    while later - earlier > _SECOND:
        middle = earlier + (later - earlier) // _SECOND // 2 * _SECOND
        if middle.astimezone(where).utcoffset() == new:
            later = middle
        else:
            earlier = middle
    return later


def cron(text: str, where: tzinfo, *, monday: int = 2) -> Cron:
    """Six fields from seconds to weekdays, or seven with years; ValueError.

    ``monday`` is the number of Monday: 2 for Quartz, whose weeks begin with Sunday, or 1.
    """
    fields = text.upper().split()
    if len(fields) not in (6, 7):
        raise ValueError(f"cannot read {text!r}: it has 6 fields, or 7 with a year")
    seconds, minutes, hours, days, months, weekdays, *years = fields
    if days != "?" and weekdays != "?" and days != "*" and weekdays != "*":
        raise ValueError(f"cannot read {text!r}: day of month or day of week must be ?")
    return Cron(
        seconds=_values(seconds, range(60)),
        minutes=_values(minutes, range(60)),
        hours=_values(hours, range(24)),
        months=frozenset(_values(months, range(1, 13), _MONTHS)),
        years=frozenset(_values(years[0], _YEARS)) if years else frozenset(_YEARS),
        day=_day_rule(days, weekdays, monday),
        zone=where,
    )


def _values(field: str, allowed: range, names: Tuple[str, ...] = ()) -> Tuple[int, ...]:
    found = set()
    for part in field.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            raise ValueError(f"cannot read {part!r} in a cron expression")
        found |= _span(match, allowed, names)
    return tuple(sorted(found))


def _span(match: "re.Match[str]", allowed: range, names: Tuple[str, ...]) -> "set[int]":
    step = int(match["step"] or 1)
    if step < 1:
        raise ValueError("cannot read a cron expression with a step of 0")
    if match["from"] == "*":
        if match["to"]:
            raise ValueError(f"cannot read {match[0]!r} in a cron expression")
        return set(allowed[::step])
    first = _number(match["from"], allowed, names)
    if match["to"]:
        last = _number(match["to"], allowed, names)
    else:
        last = allowed[-1] if match["step"] else first
    if last >= first:
        return set(range(first, last + 1, step))
    # It goes over the end, as FRI-MON does.
    around = [*range(first, allowed[-1] + 1), *range(allowed[0], last + 1)]
    return set(around[::step])


def _number(text: str, allowed: range, names: Tuple[str, ...]) -> int:
    if text in names:
        return allowed[0] + names.index(text)
    if not re.fullmatch(r"\d{1,4}", text, re.ASCII) or int(text) not in allowed:
        raise ValueError(f"cannot read {text!r}: it is not from {allowed[0]} to {allowed[-1]}")
    return int(text)


def _day_rule(days: str, weekdays: str, monday: int) -> DayRule:
    if weekdays not in ("?", "*"):
        rules = [_weekday_rule(part, monday) for part in weekdays.split(",")]
    elif days in ("?", "*"):
        return lambda day: True
    else:
        rules = [_of_month_rule(part) for part in days.split(",")]
    return lambda day: any(rule(day) for rule in rules)


def _of_month_rule(part: str) -> DayRule:
    """A number or span; L the last day, L-3 the third before it, 15W the working day next to it."""
    match = re.fullmatch(r"L(?:-(\d{1,2}))?(W)?", part)
    if match:
        back = int(match[1] or 0)
        near = bool(match[2])
        return lambda day: day == _near(_last(day) - back * _DAY, near)
    match = re.fullmatch(r"(\d{1,2})W", part)
    if match:
        number = _number(match[1], range(1, 32), ())
        return lambda day: number <= _last(day).day and day == _near(day.replace(day=number), True)
    allowed = _values(part, range(1, 32))
    return lambda day: day.day in allowed


def _last(day: date) -> date:
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])


def _near(day: date, working: bool) -> date:
    """The working day next to a day, in the same month."""
    if not working or day.weekday() < 5:
        return day
    back = 1 if day.weekday() == 5 else -1  # Friday, or Monday
    if (day - back * _DAY).month != day.month:
        back = -2 if back == 1 else 2
    return day - back * _DAY


def _weekday_rule(part: str, monday: int) -> DayRule:
    """A number, name or span; 6L the last one of a month, 6#3 the third one."""
    allowed = range(1, 8)
    names = _WEEKDAYS[1 - monday :] + _WEEKDAYS[: 1 - monday] if monday > 1 else _WEEKDAYS
    match = re.fullmatch(r"(\w+?)(?:(L)|#([1-5]))", part)
    if match:
        wanted = (_number(match[1], allowed, names) - monday) % 7
        if match[2]:
            return lambda day: day.weekday() == wanted and day.day > _last(day).day - 7
        nth = int(match[3])
        return lambda day: day.weekday() == wanted and (day.day - 1) // 7 + 1 == nth
    if part == "L":
        part = "7"
    numbers = {(number - monday) % 7 for number in _values(part, allowed, names)}
    return lambda day: day.weekday() in numbers
