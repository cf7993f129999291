"""Times and durations on the wire."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from cloudhand.wire import times

MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)


def test_a_moment_is_told_in_seconds_or_minutes_of_utc() -> None:
    assert times.second(MOMENT) == "2026-01-02T03:04:05Z"
    assert times.minute(MOMENT) == "2026-01-02T03:04Z"
    assert times.second(MOMENT.astimezone(timezone(timedelta(hours=8)))) == "2026-01-02T03:04:05Z"


def test_no_moment_is_empty() -> None:
    assert times.second(None) == times.minute(None) == ""


def test_what_was_told_is_read() -> None:
    assert times.parse_second("2026-01-02T03:04:05Z") == MOMENT.replace(microsecond=0)
    assert times.parse_minute("2026-01-02T03:04Z") == MOMENT.replace(second=0, microsecond=0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-01-02T03:04Z",
        "2026-01-02 03:04:05",
        "2026-01-02T03:04:05",
        "2026-13-02T03:04:05Z",
        "2026-02-30T03:04:05Z",
        "2026-01-02T24:04:05Z",
        "2026-01-02T03:04:05Z ",
        "２026-01-02T03:04:05Z",
        "0000-01-02T03:04:05Z",
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        times.parse_second(text)
