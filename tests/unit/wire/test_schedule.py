"""Cron expressions: the next moment after a given one, in any time zone."""

from __future__ import annotations

import os
import random
from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from itertools import islice, pairwise, product
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudhand.wire import schedule

_TRANSITIONS = int(os.environ.get("CLOUDHAND_TEST_TRANSITIONS", "15"))


def at(text: str, where: str = "UTC") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=schedule.zone(where))


def firings(
    text: str, since: str, count: int = 3, *, where: str = "UTC", monday: int = 2
) -> list[str]:
    """The next moments, as clocks of the zone show them."""
    cron = schedule.cron(text, schedule.zone(where), monday=monday)
    found: list[str] = []
    moment: datetime | None = at(since, where)
    while len(found) < count:
        assert moment is not None
        moment = cron.after(moment)
        if moment is None:
            break
        assert moment.tzinfo is UTC
        local = moment.astimezone(schedule.zone(where))
        found.append(f"{local:%Y-%m-%d %H:%M:%S}".removesuffix(":00"))
    return found


@pytest.mark.parametrize(
    ("text", "since", "found"),
    [
        (
            "0 0 2 * * ?",
            "2026-01-02 03:04",
            ["2026-01-03 02:00", "2026-01-04 02:00", "2026-01-05 02:00"],
        ),
        ("0 0 2 * * ?", "2026-01-02 02:00", ["2026-01-03 02:00"]),
        ("0 0 2 * * ?", "2026-01-02 01:59:59", ["2026-01-02 02:00"]),
        ("30 5 * * * ?", "2026-01-02 03:04", ["2026-01-02 03:05:30", "2026-01-02 04:05:30"]),
        (
            "*/20 * * * * ?",
            "2026-01-02 03:04",
            ["2026-01-02 03:04:20", "2026-01-02 03:04:40", "2026-01-02 03:05"],
        ),
        ("0/20 * * * * ?", "2026-01-02 03:04:50", ["2026-01-02 03:05"]),
        (
            "0 10/25 3 * * ?",
            "2026-01-02 03:04",
            ["2026-01-02 03:10", "2026-01-02 03:35", "2026-01-03 03:10"],
        ),
        (
            "0 0 8-18/5 * * ?",
            "2026-01-02 03:04",
            ["2026-01-02 08:00", "2026-01-02 13:00", "2026-01-02 18:00"],
        ),
        (
            "0 0 22-2 * * ?",
            "2026-01-02 00:30",
            ["2026-01-02 01:00", "2026-01-02 02:00", "2026-01-02 22:00"],
        ),
        (
            "0 0 20-4/3 * * ?",
            "2026-01-02 00:00",
            ["2026-01-02 02:00", "2026-01-02 20:00", "2026-01-02 23:00"],
        ),
        (
            "0 0,30 9,17 * * ?",
            "2026-01-02 09:00",
            ["2026-01-02 09:30", "2026-01-02 17:00", "2026-01-02 17:30"],
        ),
        ("0 0 0 1,15 * ?", "2026-01-02 00:00", ["2026-01-15", "2026-02-01", "2026-02-15"]),
        ("0 0 0 31 * ?", "2026-01-31 00:00", ["2026-03-31", "2026-05-31", "2026-07-31"]),
        ("0 0 0 29 2 ?", "2026-01-01 00:00", ["2028-02-29", "2032-02-29"]),
        ("0 0 0 L * ?", "2026-01-31 00:00", ["2026-02-28", "2026-03-31"]),
        ("0 0 0 L-3 * ?", "2026-01-31 00:00", ["2026-02-25", "2026-03-28"]),
        ("0 0 0 LW * ?", "2026-01-31 00:00", ["2026-02-27", "2026-03-31"]),
        ("0 0 0 L-2W * ?", "2026-01-30 00:00", ["2026-02-26", "2026-03-30"]),
        ("0 0 0 15W * ?", "2026-02-01 00:00", ["2026-02-16", "2026-03-16", "2026-04-15"]),
        ("0 0 0 1W * ?", "2026-01-31 00:00", ["2026-02-02", "2026-03-02", "2026-04-01"]),
        ("0 0 0 31W * ?", "2026-01-01 00:00", ["2026-01-30", "2026-03-31", "2026-05-29"]),
        ("0 0 0 10,L * ?", "2026-01-11 00:00", ["2026-01-31", "2026-02-10"]),
        ("0 0 0 ? * MON", "2026-01-01 00:00", ["2026-01-05", "2026-01-12"]),
        ("0 0 0 ? * mon-fri", "2026-01-02 00:00", ["2026-01-05", "2026-01-06"]),
        ("0 0 0 ? * FRI-MON", "2026-01-02 00:00", ["2026-01-03", "2026-01-04", "2026-01-05"]),
        ("0 0 0 ? * SAT,SUN", "2026-01-01 00:00", ["2026-01-03", "2026-01-04", "2026-01-10"]),
        ("0 0 0 ? * MON-SUN/2", "2026-01-01 00:00", ["2026-01-02", "2026-01-04", "2026-01-05"]),
        ("0 0 0 ? * 6L", "2026-01-01 00:00", ["2026-01-30", "2026-02-27"]),
        ("0 0 0 ? * FRIL", "2026-01-01 00:00", ["2026-01-30", "2026-02-27"]),
        ("0 0 0 ? * 6#3", "2026-01-01 00:00", ["2026-01-16", "2026-02-20"]),
        ("0 0 0 ? * THU#1", "2026-01-02 00:00", ["2026-02-05", "2026-03-05"]),
        ("0 0 0 ? * FRI#5", "2026-01-01 00:00", ["2026-01-30", "2026-05-29"]),
        ("0 0 0 ? * MON#1,FRIL", "2026-01-05 00:00", ["2026-01-30", "2026-02-02"]),
        ("0 0 0 ? * L", "2026-01-01 00:00", ["2026-01-03", "2026-01-10"]),
        ("0 0 0 * * *", "2026-01-01 00:00", ["2026-01-02"]),
        ("0 0 0 5 * *", "2026-01-01 00:00", ["2026-01-05", "2026-02-05"]),
        ("0 0 0 * * 2", "2026-01-01 00:00", ["2026-01-05"]),
        ("0 0 0 ? * ?", "2026-01-01 00:00", ["2026-01-02"]),
        ("0 0 0 1 JAN,jul ?", "2026-01-01 00:00", ["2026-07-01", "2027-01-01"]),
        ("0 0 0 1 NOV-FEB ?", "2026-01-15 00:00", ["2026-02-01", "2026-11-01", "2026-12-01"]),
        ("0 0 0 1 */5 ?", "2026-01-15 00:00", ["2026-06-01", "2026-11-01", "2027-01-01"]),
        ("0 0 0 1 12 ?", "2026-12-01 00:00", ["2027-12-01"]),
        ("0 0 0 1 1 ? 2028", "2026-01-01 00:00", ["2028-01-01"]),
        ("0 0 0 1 1 ? 2027-2031/2", "2026-01-01 00:00", ["2027-01-01", "2029-01-01", "2031-01-01"]),
        ("0 0 0 1 1 ? *", "2026-01-01 00:00", ["2027-01-01"]),
        ("  0  0 0   1 1 ? ", "2026-01-01 00:00", ["2027-01-01"]),
    ],
)
def test_when_it_comes(text: str, since: str, found: list[str]) -> None:
    wanted = [one if ":" in one else f"{one} 00:00" for one in found]
    assert firings(text, since, len(found)) == wanted


@pytest.mark.parametrize(
    ("text", "monday", "found"),
    [
        ("0 0 0 ? * 2", 2, "2026-01-05"),  # Quartz: Monday
        ("0 0 0 ? * 1", 2, "2026-01-04"),
        ("0 0 0 ? * 7", 2, "2026-01-03"),
        ("0 0 0 ? * 1", 1, "2026-01-05"),  # Cloud Assistant: Monday
        ("0 0 0 ? * 2", 1, "2026-01-06"),
        ("0 0 0 ? * 7", 1, "2026-01-04"),
        ("0 0 0 ? * MON", 1, "2026-01-05"),
        ("0 0 0 ? * SUN", 1, "2026-01-04"),
        ("0 0 0 ? * L", 1, "2026-01-04"),
        ("0 0 0 ? * 5L", 1, "2026-01-30"),
        ("0 0 0 ? * 5#2", 1, "2026-01-09"),
        ("0 0 0 ? * MON-WED", 1, "2026-01-05"),
        ("0 0 0 ? * SUN-TUE", 2, "2026-01-04"),
    ],
)
def test_both_numberings_of_weekdays(text: str, monday: int, found: str) -> None:
    assert firings(text, "2026-01-01 12:00", 1, monday=monday) == [f"{found} 00:00"]


@pytest.mark.parametrize(
    "text",
    ["0 0 0 30 2 ?", "0 0 0 31 2,4,6,9,11 ?", "0 0 0 1 1 ? 2020", "0 0 0 29 2 ? 2027",
     "0 0 0 L-30 2 ?", "0 0 0 30W 2 ?"],
)  # fmt: skip
def test_what_never_comes(text: str) -> None:
    assert firings(text, "2026-01-01 00:00") == []


def test_it_ends_with_the_years() -> None:
    assert firings("0 0 0 1 1 ?", "2098-06-01 00:00") == ["2099-01-01 00:00"]
    assert firings("0 0 0 1 1 ?", "2200-01-01 00:00") == []


@pytest.mark.parametrize(
    "text",
    ["", "0", "* * * * *", "* * * * * ? * *", "60 0 0 * * ?", "0 60 0 * * ?", "0 0 24 * * ?",
     "0 0 0 0 * ?", "0 0 0 32 * ?", "0 0 0 1 0 ?", "0 0 0 1 13 ?", "0 0 0 1 JANUARY ?",
     "0 0 0 ? * 0", "0 0 0 ? * 8", "0 0 0 ? * MONDAY", "0 0 0 ? * MON#6", "0 0 0 ? * MON#0",
     "0 0 0 ? * 8L", "0 0 0 1 * MON", "0 0 0 1-5 * 2", "0 0 0 1 1 ? 1969", "0 0 0 1 1 ? 2100",
     "0/0 * * * * ?", "*/0 * * * * ?", "a * * * * ?", "-1 * * * * ?", "1- * * * * ?",
     "1-2-3 * * * * ?", "*-5 * * * * ?", "1,,2 * * * * ?", ", * * * * ?", "? * * * * ?",
     "0 0 0 LL * ?", "0 0 0 L-x * ?", "0 0 0 W * ?", "0 0 0 0W * ?", "0 0 0 32W * ?",
     "0 0 0 1,? * ?",
     "0 0 0 ? * ?,2", "0 0 0 ? * L,#", "٣ * * * * ?", "1/99999 * * * * ?",
     "1" * 5000 + " * * * * ?",
     "0 0 2 * * ?\0"],
)  # fmt: skip
def test_what_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="cannot read"):
        schedule.cron(text, UTC)


@pytest.mark.parametrize(
    ("name", "hours"),
    [("UTC", 0), ("utc", 0), ("GMT", 0), ("Z", 0), ("GMT+8:00", 8), ("GMT+8", 8),
     ("UTC-05:30", -5.5),
     ("GMT+14:59", 14 + 59 / 60), ("GMT-12:59", -12 - 59 / 60), ("Asia/Shanghai", 8)],
)  # fmt: skip
def test_zones(name: str, hours: float) -> None:
    offset = at("2026-01-02 00:00", name).utcoffset()
    assert offset == timedelta(hours=hours)


@pytest.mark.parametrize(
    "name",
    ["", "Mars/Olympus", "GMT+15", "GMT-13", "GMT+8:60", "GMT8", "../etc/passwd", "/etc/passwd",
     "Asia", "a\0b", "CST6CDT4", "x" * 10_000, "\ud800", "GMT+٣"],
)  # fmt: skip
def test_what_is_no_zone(name: str) -> None:
    with pytest.raises(ValueError, match="time zone"):
        schedule.zone(name)


# Clocks that are put forward and back.


@pytest.mark.parametrize(
    ("text", "where", "since", "found"),
    [
        # Berlin leaves out 02:00 to 03:00 on 29 March 2026, and shows it twice on 25 October.
        (
            "0 30 2 * * ?",
            "Europe/Berlin",
            "2026-03-28 12:00",
            ["2026-03-29 03:00", "2026-03-30 02:30"],
        ),
        (
            "0 15,45 2 * * ?",
            "Europe/Berlin",
            "2026-03-28 12:00",
            ["2026-03-29 03:00", "2026-03-30 02:15"],
        ),
        (
            "0 0 2,3 * * ?",
            "Europe/Berlin",
            "2026-03-28 12:00",
            ["2026-03-29 03:00", "2026-03-30 02:00"],
        ),
        (
            "0 30 2 * * ?",
            "Europe/Berlin",
            "2026-10-24 12:00",
            ["2026-10-25 02:30", "2026-10-26 02:30"],
        ),
        (
            "0 0 * * * ?",
            "Europe/Berlin",
            "2026-03-29 00:30",
            ["2026-03-29 01:00", "2026-03-29 03:00", "2026-03-29 04:00"],
        ),
        (
            "0 0 * * * ?",
            "Europe/Berlin",
            "2026-10-25 00:30",
            ["2026-10-25 01:00", "2026-10-25 02:00", "2026-10-25 02:00", "2026-10-25 03:00"],
        ),
        (
            "0 */30 * * * ?",
            "Europe/Berlin",
            "2026-10-25 02:00",
            ["2026-10-25 02:30", "2026-10-25 02:00", "2026-10-25 02:30", "2026-10-25 03:00"],
        ),
        # By half an hour.
        (
            "0 15 2 * * ?",
            "Australia/Lord_Howe",
            "2026-10-03 12:00",
            ["2026-10-04 02:30", "2026-10-05 02:15"],
        ),
        (
            "0 */15 * * * ?",
            "Australia/Lord_Howe",
            "2026-04-05 01:30",
            ["2026-04-05 01:45", "2026-04-05 01:30", "2026-04-05 01:45", "2026-04-05 02:00"],
        ),
        # A day that was left out, and a midnight.
        (
            "0 0 12 * * ?",
            "Pacific/Apia",
            "2011-12-29 13:00",
            ["2011-12-31 00:00", "2011-12-31 12:00"],
        ),
        (
            "0 0 0 * * ?",
            "America/Sao_Paulo",
            "2018-11-03 12:00",
            ["2018-11-04 01:00", "2018-11-05 00:00"],
        ),
        # Back over midnight: what is left of a day comes after the next has begun.
        (
            "0 0 * * * ?",
            "America/St_Johns",
            "2010-11-06 23:00",
            ["2010-11-07 00:00", "2010-11-07 00:00", "2010-11-07 01:00"],
        ),
        (
            "30 0 * * * ?",
            "America/St_Johns",
            "2010-11-06 23:00:30",
            ["2010-11-07 00:00:30", "2010-11-07 00:00:30", "2010-11-07 01:00:30"],
        ),
    ],
)
def test_clocks_that_are_put_forward_and_back(
    text: str, where: str, since: str, found: list[str]
) -> None:
    assert firings(text, since, len(found), where=where) == found


_ZONES = (
    "Africa/Cairo",
    "Africa/Casablanca",
    "America/Asuncion",
    "America/Caracas",
    "America/Havana",
    "America/New_York",
    "America/Nuuk",
    "America/Santiago",
    "America/Sao_Paulo",
    "America/St_Johns",
    "Antarctica/Troll",
    "Asia/Amman",
    "Asia/Gaza",
    "Asia/Kathmandu",
    "Asia/Pyongyang",
    "Asia/Shanghai",
    "Australia/Lord_Howe",
    "Europe/Dublin",
    "Pacific/Apia",
    "Pacific/Kwajalein",
)
_YEARS = range(1985, 2035)
_MINUTE = timedelta(minutes=1)
_HOUR = timedelta(hours=1)


def _transitions(where: tzinfo) -> Iterator[datetime]:
    """The minutes at which clocks are put forward or back."""
    moment = datetime(_YEARS[0], 1, 1, tzinfo=UTC)
    end = datetime(_YEARS[-1] + 1, 1, 1, tzinfo=UTC)
    before = moment.astimezone(where).utcoffset()
    while moment < end:
        later = moment + 12 * _HOUR
        after = later.astimezone(where).utcoffset()
        if after != before:
            for minute in range(12 * 60 + 1):
                if (moment + minute * _MINUTE).astimezone(where).utcoffset() != before:
                    yield moment + minute * _MINUTE
                    break
        moment, before = later, after


def _all_transitions() -> list[tuple[str, datetime]]:
    return [(name, moment) for name in _ZONES for moment in _transitions(ZoneInfo(name))]


class _Clock:
    """All that a clock shows around a transition, minute by minute, to somebody who watches it."""

    def __init__(self, where: tzinfo, begin: datetime, end: datetime) -> None:
        self._begin, self._end = begin, end
        self._shown: dict[datetime, list[datetime]] = {}  # when it shows what
        self._order: list[tuple[datetime, datetime]] = []
        moment = begin - 30 * _HOUR
        while moment <= end + 30 * _HOUR:
            local = moment.astimezone(where).replace(tzinfo=None)
            self._shown.setdefault(local, []).append(moment)
            self._order.append((moment, local))
            moment += _MINUTE
        first = (begin - 26 * _HOUR).astimezone(where).date()
        self._days = [first + timedelta(days=n) for n in range(6)]

    def firings(self, hours: set[int], minutes: set[int]) -> list[datetime]:
        found: set[datetime] = set()
        for day, hour, minute in product(self._days, hours, minutes):
            local = datetime(day.year, day.month, day.day, hour, minute)  # noqa: DTZ001
            shown = self._shown.get(local)
            if shown is not None:
                found.update(shown if len(hours) == 24 else shown[:1])
            elif len(hours) < 24:
                found.update(self._past(local))
        return sorted(moment for moment in found if self._begin < moment <= self._end)

    def _past(self, local: datetime) -> list[datetime]:
        """When it goes past what it never shows."""
        for (_, before), (moment, after) in pairwise(self._order):
            if before < local < after:
                return [moment]
        return []


_PATTERNS = (
    ("* * * * ?", set(range(24)), set(range(60))),
    ("*/20 * * * ?", set(range(24)), {0, 20, 40}),
    ("0 * * * ?", set(range(24)), {0}),
    ("7,37 0-3 * * ?", {0, 1, 2, 3}, {7, 37}),
    ("0 0 * * ?", {0}, {0}),
    ("30 2 * * ?", {2}, {30}),
    ("59 23 * * ?", {23}, {59}),
    ("30 23,0,1 * * ?", {23, 0, 1}, {30}),
    ("*/15 0-22 * * ?", set(range(23)), {0, 15, 30, 45}),
)


def _compare(name: str, transition: datetime) -> None:
    where = ZoneInfo(name)
    begin, end = transition - 3 * _HOUR, transition + 4 * _HOUR
    clock = _Clock(where, begin, end)
    for text, hours, minutes in _PATTERNS:
        cron = schedule.cron(f"0 {text}", where)
        wanted = [*clock.firings(hours, minutes), end + _HOUR]
        chance = random.Random(str(transition))
        probes = [begin, transition - _MINUTE, transition, transition + _HOUR]
        probes += chance.sample(wanted[:-1], min(len(wanted) - 1, 8))
        for probe in probes:
            found = cron.after(probe)
            assert found is not None
            first = wanted[bisect_right(wanted, probe)]
            assert found == first or (found > end and first > end), (
                f"{text} in {name} after {probe}"
            )


def test_around_the_transitions_of_twenty_zones_and_fifty_years() -> None:
    """``CLOUDHAND_TEST_TRANSITIONS`` says how many of them: 0 is all."""
    every = _all_transitions()
    assert len(every) > 1000
    chosen = every if _TRANSITIONS == 0 else random.Random(7).sample(every, _TRANSITIONS)
    for name, transition in chosen:
        _compare(name, transition)


# What holds for any expression.

_FIELDS = st.tuples(
    st.sampled_from(["0", "*/30", "15,45"]),
    st.sampled_from(["0", "*", "*/7", "5-9", "59"]),
    st.sampled_from(["0", "*", "22-3", "2", "8-18/3"]),
    st.sampled_from(["*", "1", "L", "15W", "LW", "28-31", "L-2"]),
    st.sampled_from(["*", "2", "*/5", "DEC-JAN"]),
)
_MOMENTS = st.integers(0, 3 * 10**9).map(lambda second: datetime.fromtimestamp(second, UTC))


@given(_FIELDS, _MOMENTS, st.sampled_from(_ZONES))
def test_the_next_one_is_later_and_none_lies_between(
    fields: tuple[str, ...], moment: datetime, name: str
) -> None:
    cron = schedule.cron(" ".join((*fields, "?")), ZoneInfo(name))
    found = cron.after(moment)
    assert found is not None
    assert found > moment
    between = moment + (found - moment) / 2
    assert cron.after(between) == found or cron.after(between) is not None
    assert cron.after(found - timedelta(seconds=1)) == found


@given(st.text(alphabet="0123456789*/,-?LW# \tMONJAN", max_size=60))
def test_any_text_is_an_expression_or_refused(text: str) -> None:
    try:
        cron = schedule.cron(text, timezone(timedelta(hours=8)))
    except ValueError as refused:
        assert str(refused).startswith("cannot read")
    else:
        found = cron.after(datetime(2026, 1, 2, tzinfo=UTC))
        assert found is None or found.year >= 2026


def test_days_are_those_of_the_zone() -> None:
    cron = schedule.cron("0 0 1 1 * ?", schedule.zone("Asia/Shanghai"))
    assert cron.after(datetime(2026, 1, 1, tzinfo=UTC)) == datetime(2026, 1, 31, 17, tzinfo=UTC)


def test_all_days_of_four_years_against_the_calendar() -> None:
    """Rules of days, held against what they say in words."""
    days = [date(2024, 1, 1) + timedelta(days=n) for n in range(4 * 365)]

    def of(text: str) -> list[date]:
        cron = schedule.cron(f"0 0 0 {text}", UTC)
        found = []
        moment = cron.after(datetime(2023, 12, 31, 23, tzinfo=UTC))
        while moment is not None and moment.date() <= days[-1]:
            found.append(moment.date())
            moment = cron.after(moment)
        return found

    def last(day: date) -> bool:
        return (day + timedelta(days=1)).month != day.month

    assert of("L * ?") == [day for day in days if last(day)]
    assert of("? * FRIL") == [
        day for day in days if day.weekday() == 4 and (day + timedelta(days=7)).month != day.month
    ]
    assert of("? * TUE#2") == [day for day in days if day.weekday() == 1 and 8 <= day.day <= 14]
    assert of("? * 7") == [day for day in days if day.weekday() == 5]
    workdays = [day for day in days if day.weekday() < 5]
    nearest = {}
    for day in (day for day in days if day.day == 15):
        nearest[day] = min(workdays, key=lambda one, day=day: (abs(one - day), one.day))  # type: ignore[misc]
    assert of("15W * ?") == list(nearest.values())
    assert list(islice(of("LW * ?"), 3)) == [
        date(2024, 1, 31),
        date(2024, 2, 29),
        date(2024, 3, 29),
    ]
