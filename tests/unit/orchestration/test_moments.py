"""Functions about moments and spans of time."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudhand.orchestration import durations, functions


def call(name: str, *argument: Any) -> Any:
    return functions.call(f"Fn::{name}", list(argument))


@pytest.mark.parametrize(
    ("name", "argument", "value"),
    [
        ("AddHour", ["2026-01-02T03:04:05Z", 1], "2026-01-02T04:04:05Z"),
        ("AddHour", ["2026-01-02T03:04:05Z", -4], "2026-01-01T23:04:05Z"),
        ("AddHour", ["2026-01-02T03:04:05Z", "0.5"], "2026-01-02T03:34:05Z"),
        ("AddHour", ["2026-01-02T03:04:05+08:00", 0], "2026-01-01T19:04:05Z"),
        ("AddHour", ["2026-01-02", 24], "2026-01-03T00:00:00Z"),
        ("AddHour", ["2024-02-28T23:00:00Z", 1], "2024-02-29T00:00:00Z"),
        ("FormatUTCTime", ["2026-01-02T03:04:05Z", "%Y-%m-%dT00:00Z"], "2026-01-02T00:00Z"),
        ("FormatUTCTime", ["2026-01-02T03:04:05Z", "%Y%m%d%H%M%S"], "20260102030405"),
        ("FormatUTCTime", ["2026-01-02T23:04:05-08:00", "%d %H"], "03 07"),
        ("FormatUTCTime", ["2026-01-02T03:04Z", ""], ""),
        ("DurationBetween", ["08:00:00Z", "16:30:00Z"], "PT8H30M"),
        ("DurationBetween", ["22:00:00Z", "06:00:00Z"], "PT8H"),
        ("DurationBetween", ["08:00", "08:00"], "PT0S"),
        ("DurationBetween", ["08:00:00+08:00", "01:00:00Z"], "PT1H"),
        ("DurationBetween", ["2026-01-02T08:00:00Z", "2026-01-03T08:00:05Z"], "PT24H5S"),
        ("DurationBetween", ["2026-01-02T08:00:00Z", "09:00:00Z"], "PT1H"),
    ],
)  # fmt: skip
def test_value(name: str, argument: list[Any], value: str) -> None:
    assert call(name, *argument) == value


@pytest.mark.parametrize(
    ("opens", "closes", "now", "then"),
    [
        ("02:00", "04:00", "02T03:04:05Z", "02T03:04:05Z"),
        ("02:00", "04:00", "02T02:00:00Z", "02T02:00:00Z"),
        ("02:00", "04:00", "02T04:00:00Z", "03T02:00:00Z"),
        ("02:00", "04:00", "02T01:00:00Z", "02T02:00:00Z"),
        ("22:00Z", "04:00Z", "02T23:00:00Z", "02T23:00:00Z"),
        ("22:00Z", "04:00Z", "02T03:59:59Z", "02T03:59:59Z"),
        ("22:00Z", "04:00Z", "02T04:00:00Z", "02T22:00:00Z"),
        ("10:00+08:00", "12:00+08:00", "02T01:00:00Z", "02T02:00:00Z"),
    ],
)
def test_a_window(opens: str, closes: str, now: str, then: str) -> None:
    found = call("CalculateTimeByOpsWindow", opens, closes, f"2026-01-{now}")
    assert found == f"2026-01-{then}"


@pytest.mark.parametrize(
    ("name", "argument", "told"),
    [
        ("AddHour", ["yesterday", 1], '"yesterday" is no time like 2026-01-02T03:04:05Z'),
        ("AddHour", ["2026-01-02T03:04:05Z"], "it takes [time, hours]"),
        ("AddHour", ["2026-01-02T03:04:05Z", "a"], '"a" is no number'),
        ("AddHour", ["2026-01-02T03:04:05Z", 10**9], "hours are too many"),
        ("AddHour", ["2026-01-02T03:04:05Z", 1e300], "hours are too many"),
        ("AddHour", ["0001-01-01T00:00:00+14:00", 0], "is no time"),
        ("FormatUTCTime", ["2026-13-02", "%Y"], "is no time"),
        ("DurationBetween", ["2026-01-03T00:00:00Z", "2026-01-02T00:00:00Z"], "comes before"),
        ("DurationBetween", ["a", "08:00"], '"a" is no time'),
        ("DurationBetween", ["25:00", "08:00"], '"25:00" is no time'),
        ("CalculateTimeByOpsWindow", ["02:00", "04:00"], "it takes"),
        ("CalculateTimeByOpsWindow", ["02:00", "24:01", "2026-01-02"], "is no time"),
    ],
)
def test_what_is_refused(name: str, argument: list[Any], told: str) -> None:
    with pytest.raises(ValueError) as refused:
        call(name, *argument)
    assert told in str(refused.value)


_MOMENTS = st.integers(0, 7 * 10**9).map(lambda second: datetime.fromtimestamp(second, UTC))


@given(_MOMENTS, st.integers(-10_000, 10_000))
def test_hours_that_are_added_are_taken_away(moment: datetime, hours: int) -> None:
    there = call("AddHour", moment.isoformat(), hours)
    assert datetime.fromisoformat(there) - moment == timedelta(hours=hours)
    assert datetime.fromisoformat(call("AddHour", there, -hours)) == moment


@given(_MOMENTS, _MOMENTS)
def test_the_span_between_moments_is_that_of_durations(one: datetime, other: datetime) -> None:
    first, last = sorted((one, other))
    told = call("DurationBetween", first.isoformat(), last.isoformat())
    assert durations.parse(told) == last - first


@given(st.times(), st.times())
def test_the_span_between_clocks_is_within_a_day(one: time, other: time) -> None:
    told = call("DurationBetween", one.isoformat("seconds"), other.isoformat("seconds"))
    assert timedelta() <= durations.parse(told) < timedelta(days=1)


@given(st.times(), st.times(), _MOMENTS)
def test_a_window_is_reached_within_a_day(start: time, end: time, moment: datetime) -> None:
    opens, closes = start.isoformat("seconds"), end.isoformat("seconds")
    found = datetime.fromisoformat(
        call("CalculateTimeByOpsWindow", opens, closes, moment.isoformat())
    )
    assert moment <= found <= moment + timedelta(days=1)
    again = call("CalculateTimeByOpsWindow", opens, closes, found.isoformat())
    assert opens == closes or datetime.fromisoformat(again) == found
