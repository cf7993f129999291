"""When commands run again: what is read, what is refused, and which moment is next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from cloudhand.core import frequency

BEGIN = datetime(2026, 3, 2, 10, 20, 30, 500_000, tzinfo=UTC)  # a Monday
SHANGHAI = ZoneInfo("Asia/Shanghai")


def moments(text: str, count: int = 2, where: ZoneInfo = SHANGHAI) -> list[str]:
    """The first ones after ``BEGIN``, in UTC."""
    read = frequency.read(text, begin=BEGIN, where=where)
    found, moment = [], BEGIN
    for _ in range(count):
        following = read.after(moment)
        if following is None:
            break
        assert following > moment
        moment = following
        found.append(moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S"))
    return found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("rate(60s)", ["2026-03-02 10:21:30", "2026-03-02 10:22:30"]),
        ("rate(5m)", ["2026-03-02 10:25:30", "2026-03-02 10:30:30"]),
        ("Rate( 2h )", ["2026-03-02 12:20:30", "2026-03-02 14:20:30"]),
        ("rate(7d)", ["2026-03-09 10:20:30", "2026-03-16 10:20:30"]),
        ("at(2026-03-02 20:00:00)", ["2026-03-02 20:00:00"]),
        ("at(2026-03-02T20:00:00)", ["2026-03-02 20:00:00"]),
        ("at(2026-03-02 20:00:00 Asia/Shanghai)", ["2026-03-02 12:00:00"]),
        ("at(2026-03-02 20:00:00 GMT-7:00)", ["2026-03-03 03:00:00"]),
        ("at(2026-03-02 10:20:30)", []),
        # In New York the clocks are put forward from 2:00 to 3:00 on the 8th.
        ("at(2026-03-08 02:30:00 America/New_York)", ["2026-03-08 07:00:00"]),
        ("0 0 20 * * ?", ["2026-03-02 12:00:00", "2026-03-03 12:00:00"]),
        ("0 0 20 * * ? *", ["2026-03-02 12:00:00", "2026-03-03 12:00:00"]),
        ("0 0 20 * * ? 2026", ["2026-03-02 12:00:00", "2026-03-03 12:00:00"]),
        ("0 0 20 * * ? 2026-2027/1", ["2026-03-02 12:00:00", "2026-03-03 12:00:00"]),
        ("0 0 20 * * ? UTC", ["2026-03-02 20:00:00", "2026-03-03 20:00:00"]),
        ("0 0 20 * * ? GMT+1:00", ["2026-03-02 19:00:00", "2026-03-03 19:00:00"]),
        ("0 0 20 * * ? 2026 Europe/Berlin", ["2026-03-02 19:00:00", "2026-03-03 19:00:00"]),
        ("0 0 20 ? * 1", ["2026-03-02 12:00:00", "2026-03-09 12:00:00"]),
        ("0 0 20 ? * SUN", ["2026-03-08 12:00:00", "2026-03-15 12:00:00"]),
        ("0 */20 * * * *", ["2026-03-02 10:40:00", "2026-03-02 11:00:00"]),
        ("0 0 0 1 1 ? 2026", []),
    ],
)
def test_when_it_comes(text: str, found: list[str]) -> None:
    assert moments(text) == found


def test_a_cron_expression_without_a_zone_follows_the_clocks_of_the_machine() -> None:
    assert moments("0 0 20 * * ?", 1, ZoneInfo("UTC")) == ["2026-03-02 20:00:00"]


def test_a_rate_keeps_to_its_grid_however_late_somebody_looks() -> None:
    read = frequency.read("rate(1h)", begin=BEGIN, where=SHANGHAI)
    late = BEGIN + timedelta(days=3, minutes=59, seconds=59)
    assert read.after(late) == BEGIN.replace(microsecond=0) + timedelta(days=3, hours=1)


@pytest.mark.parametrize(
    "text",
    ["", "rate()", "rate(5)", "rate(5w)", "rate(-5m)", "rate(5m", "rate(59s)", "rate(0d)",
     "rate(8d)", "rate(99999999d)", "at()", "at(2026-03-02)", "at(2026-02-30 00:00:00)",
     "at(2026-03-02 24:00:00)", "at(0000-01-01 00:00:00)", "at(2026-03-02 00:00:00 Mars/Olympus)",
     "at(2026-03-02 00:00:00 GMT+15:00)", "0 0 20 * *", "0 0 20 * * ? 2026 UTC UTC",
     "0 0 20 * * ? Nowhere", "60 0 20 * * ?", "0 0 20 ? * 0", "0 0 20 ? * 8", "every day",
     "0 0 20 * * ? 1969"],
)  # fmt: skip
def test_what_cannot_be_read(text: str) -> None:
    with pytest.raises(ValueError, match="cannot|day is out of range|year 0 is out of range"):
        frequency.read(text, begin=BEGIN, where=SHANGHAI)


@pytest.mark.parametrize(
    ("text", "timeout", "why"),
    [
        ("rate(60s)", 60, ""),
        ("rate(60s)", 61, "within 60 seconds, and a run may take 61"),
        ("at(2026-03-02 20:00:00)", 86400, ""),
        ("0/10 * * * * ?", 10, ""),
        ("0/9 * * * * ?", 9, "within less than 10 seconds"),
        ("* * * * * ?", 10, "within less than 10 seconds"),
        ("0 * * * * ?", 60, ""),
        ("0 * * * * ?", 61, "within 60 seconds"),
        ("0,30 0 * * * ?", 60, "within 30 seconds"),
        ("0 0 0,23 * * ?", 3600, ""),
        ("0 0 0,23 * * ?", 3601, "within 3600 seconds"),
        # From 23 to 0 o'clock is an hour only on days that follow each other.
        ("0 0 0,23 ? * 1", 7200, ""),
        ("0 0 0,23 ? * 1,2", 7200, "within 3600 seconds"),
        ("0 0 3 * * ?", 86400, ""),
        ("0 0 0,23 30 2 ?", 7200, ""),
    ],
)
def test_a_run_has_ended_or_timed_out_before_the_next_one(
    text: str, timeout: int, why: str
) -> None:
    span = timedelta(seconds=timeout)
    if not why:
        frequency.check(text, timeout=span, now=BEGIN)
        return
    with pytest.raises(ValueError, match=why):
        frequency.check(text, timeout=span, now=BEGIN)
