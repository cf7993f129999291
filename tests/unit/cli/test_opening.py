"""When a window of the week is open next."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cloudhand.cli.errors import Mistake
from cloudhand.cli.opening import opening

FRIDAY = datetime(2026, 11, 27, 9, 30, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "span, zone, begin, end, words",
    [
        ("02:00-06:00", "UTC", "28T02:00", "28T06:00",
         ", from Sat 2026-11-28 02:00 until Sat 2026-11-28 06:00 in UTC"),
        ("09:00-10:00", "UTC", "", "27T10:00", ", until Fri 2026-11-27 10:00 in UTC"),
        ("Mon-Fri 22:00-04:00", "UTC", "27T22:00", "28T04:00",
         ", from Fri 2026-11-27 22:00 until Sat 2026-11-28 04:00 in UTC"),
        ("Fri 09:30-09:31", "UTC", "", "27T09:31", ", until Fri 2026-11-27 09:31 in UTC"),
        ("02:00-06:00", "Asia/Tokyo", "27T17:00", "27T21:00",
         ", from Sat 2026-11-28 02:00 until Sat 2026-11-28 06:00 in Asia/Tokyo"),
        ("00:00-24:00", "UTC", "", "", ""),
    ],
)  # fmt: skip
def test_it_begins_now_or_at_the_next_opening_and_ends_with_it(
    span: str, zone: str, begin: str, end: str, words: str
) -> None:
    found = opening([span], zone, now=FRIDAY)
    assert found is not None
    assert found.words == words
    assert found.parameters == {
        "notBefore": f"2026-11-{begin}:00Z" if begin else "",
        "notAfter": f"2026-11-{end}:00Z" if end else "",
    }


def test_spans_that_meet_are_one() -> None:
    found = opening(["10:00-11:00", "11:00-12:00"], "UTC", now=FRIDAY)
    assert (
        found is not None
        and found.words == ", from Fri 2026-11-27 10:00 until Fri 2026-11-27 12:00 in UTC"
    )


def test_the_hour_that_is_left_out_in_spring_is_that_of_the_next_week() -> None:
    saturday = datetime(2026, 3, 28, 12, tzinfo=UTC)
    found = opening(["Sun 02:00-03:00"], "Europe/Berlin", now=saturday)
    assert found is not None
    assert found.begin == datetime(2026, 4, 5, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "spans, zone, why",
    [
        (["soon"], "", "has no time in 'soon'"),
        (["02:00-02:00"], "", "begins and ends at the same time"),
        (["02:00-03:00"], "Mars/Olympus", "--zone Mars/Olympus is no time zone"),
        ([], "UTC", "--zone goes with --window"),
    ],
)
def test_what_cannot_be_meant_is_said(spans: list[str], zone: str, why: str) -> None:
    with pytest.raises(Mistake, match=why):
        opening(spans, zone, now=FRIDAY)


def test_nothing_said_is_at_any_time() -> None:
    assert opening([], "", now=FRIDAY) is None
