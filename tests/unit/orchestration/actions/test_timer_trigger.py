"""When a timer fires, and when it ends."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from cloudhand.core.task import Wait
from cloudhand.orchestration.action import Done, Failed, Fires, Waits
from cloudhand.orchestration.model import END
from tests.unit.orchestration.looks import Looks, looks

_DAILY = {"Type": "cron", "Expression": "0 0 6 * * ?", "EndDate": "2026-01-05T00:00:00Z"}


def moment(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-01-{text}Z")


async def firings(it: Looks, *, runs: float = 0, most: int = 20) -> list[str]:
    """When it fires, each firing keeping it busy for some seconds, until it ends."""
    found = []
    for _ in range(most):
        outcome = await it.look(seconds=0)
        match outcome:
            case Waits(Wait.TRIGGER, _, until):
                assert until is not None
                it.now = until
            case Fires(message, memo):
                found.append(message["scheduledTime"].removeprefix("2026-01-"))
                it.memo = memo
                it.now += timedelta(seconds=runs)
            case Done():
                found.append("ends")
                return found
            case other:
                raise AssertionError(other)
    return found


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (_DAILY, ["02T06:00:00Z", "03T06:00:00Z", "04T06:00:00Z", "ends"]),
        (_DAILY | {"Type": "Cron", "TimeZone": "Asia/Shanghai"},
         ["02T22:00:00Z", "03T22:00:00Z", "04T22:00:00Z", "ends"]),
        (_DAILY | {"TimeZone": "GMT+8:00", "EndDate": "2026-01-03T22:00:00Z"},
         ["02T22:00:00Z", "ends"]),
        (_DAILY | {"StartDate": "2026-01-04T00:00:00Z"}, ["04T06:00:00Z", "ends"]),
        (_DAILY | {"StartDate": "2026-01-04T06:00:00Z"}, ["04T06:00:00Z", "ends"]),
        (_DAILY | {"EndDate": "2026-01-02T03:00:00Z"}, ["ends"]),
        (_DAILY | {"Expression": "0 0 0 30 2 ?"}, ["ends"]),
        ({"Type": "at", "Expression": "2026-01-03T00:00:00Z"}, ["03T00:00:00Z", "ends"]),
        ({"Type": "At", "Expression": "2026-01-03T00:00:00"}, ["03T00:00:00Z", "ends"]),
        ({"Type": "at", "Expression": "2026-01-01T00:00:00Z"}, ["ends"]),
        ({"Type": "at", "Expression": "2026-01-04T00:00:00Z", "EndDate": "2026-01-03T00:00:00Z"},
         ["ends"]),
        ({"Type": "rate", "Expression": "1 day", "EndDate": "2026-01-05T00:00:00Z"},
         ["03T03:04:05Z", "04T03:04:05Z", "ends"]),
        ({"Type": "rate", "Expression": "12 Hours", "EndDate": "2026-01-03T12:00:00Z"},
         ["02T15:04:05Z", "03T03:04:05Z", "ends"]),
        ({"Type": "rate", "Expression": "1 week", "EndDate": "2026-01-10T00:00:00Z"},
         ["09T03:04:05Z", "ends"]),
        ({"Type": "rate", "Expression": "30 minutes", "StartDate": "2026-01-03T00:00:00Z",
          "EndDate": "2026-01-03T01:10:00Z"}, ["03T00:30:00Z", "03T01:00:00Z", "ends"]),
    ],
)  # fmt: skip
async def test_when_it_fires(given: dict[str, Any], found: list[str]) -> None:
    async with looks("ACS::TimerTrigger", given) as it:
        assert await firings(it) == found


async def test_without_an_end_it_goes_on() -> None:
    given = {"Type": "rate", "Expression": "1 minute"}
    async with looks("ACS::TimerTrigger", given) as it:
        assert "ends" not in await firings(it, most=50)


async def test_what_comes_due_while_one_runs_is_left_out() -> None:
    given = {"Type": "rate", "Expression": "1 hour", "EndDate": "2026-01-02T10:00:00Z"}
    async with looks("ACS::TimerTrigger", given) as it:
        found = await firings(it, runs=2.5 * 3600)
    assert found == ["02T04:04:05Z", "02T07:04:05Z", "ends"]


async def test_what_came_due_while_nobody_looked_is_made_up_for_once() -> None:
    given = {"Type": "rate", "Expression": "1 hour", "EndDate": "2026-01-05T00:00:00Z"}
    async with looks("ACS::TimerTrigger", given) as it:
        await it.look()
        it.now = moment("03T12:00:00")
        fired = await it.look()
        assert fired == Fires(
            {"scheduledTime": "2026-01-02T04:04:05Z", "triggerTime": "2026-01-03T12:00:00Z"},
            {"handled": 0, "fired": True},
        )
        it.memo = {"fired": True}
        following = await it.look()
        assert isinstance(following, Waits)
        assert following.until == moment("03T12:04:05")


async def test_it_is_made_up_for_also_after_the_end() -> None:
    async with looks("ACS::TimerTrigger", _DAILY) as it:
        await it.look()
        it.now = moment("06T00:00:00")
        assert isinstance(await it.look(), Fires)
        it.memo = {"fired": True}
        assert await it.look() == Done({}, following=END)


async def test_a_look_before_its_time_changes_nothing() -> None:
    async with looks("ACS::TimerTrigger", _DAILY) as it:
        first = await it.look()
        assert await it.look(seconds=100) == first


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"Type": "daily"}, "Type: daily is none of cron, at, rate"),
        ({"Expression": "6 o'clock"}, "cannot read"),
        ({"TimeZone": "Mars"}, "cannot find the time zone Mars"),
        ({"EndDate": "never"}, "never"),
        ({"StartDate": "soon"}, "soon"),
        ({"StartDate": "0001-01-01T00:00:00+14:00"}, "out of range"),
        ({"EndDate": "0001-01-01T00:00:00+14:00"}, "out of range"),
        ({"Type": "at", "Expression": "noon"}, "noon"),
        ({"Type": "rate", "Expression": "often"}, "'often' is no rate like 30 minutes"),
        ({"Type": "rate", "Expression": "0 minutes"}, "is no rate"),
        ({"Type": "rate", "Expression": "-1 minutes"}, "is no rate"),
        ({"Type": "rate", "Expression": "1000000 minutes"}, "is no rate"),
        ({"Type": "rate", "Expression": "² minutes"}, "is no rate"),
        ({"Type": "rate", "Expression": "1 fortnight"}, "is no rate"),
        ({"Type": "rate", "Expression": "1 day", "StartDate": "9999-12-31"}, "out of range"),
    ],
)
async def test_what_is_no_timer(given: dict[str, Any], told: str) -> None:
    async with looks("ACS::TimerTrigger", _DAILY | given) as it:
        outcome = await it.look()
    assert isinstance(outcome, Failed)
    assert outcome.code == "InvalidTimer"
    assert told in outcome.message
