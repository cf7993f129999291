"""When upgrades begin without being asked for, and how many."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cloudhand.core.assistant_settings import AgentUpgradeConfig
from cloudhand.core.automatic_upgrade import AT_ONCE, Course, Stance, room, stance

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)  # a Tuesday
NEW = Course(under_way=0, upgraded=0, refused=0, failed_at=None, confirmed_at=None)
NIGHTLY = AgentUpgradeConfig(enabled=True, bootstrap_upgrade=False)


@pytest.mark.parametrize(
    ("windows", "zone", "now", "open_"),
    [
        (("02:00-03:00",), "UTC", "2026-03-10T01:59:59", False),
        (("02:00-03:00",), "UTC", "2026-03-10T02:00:00", True),
        (("02:00-03:00",), "UTC", "2026-03-10T02:59:59", True),
        (("02:00-03:00",), "UTC", "2026-03-10T03:00:00", False),
        (("23:30-00:30",), "UTC", "2026-03-10T23:30:00", True),
        (("23:30-00:30",), "UTC", "2026-03-11T00:29:59", True),
        (("23:30-00:30",), "UTC", "2026-03-11T00:30:00", False),
        (("02:00-03:00", "14:00-15:00"), "UTC", "2026-03-10T14:30:00", True),
        (("02:00-03:00",), "Asia/Shanghai", "2026-03-10T18:30:00", True),
        (("02:00-03:00",), "GMT+8:00", "2026-03-10T18:30:00", True),
        (("02:00-03:00",), "GMT+8:00", "2026-03-10T02:30:00", False),
        (("02:00-03:00",), "GMT-3:30", "2026-03-10T05:30:00", True),
        # One hour less from UTC in summer.
        (("04:00-05:00",), "Europe/Berlin", "2026-03-28T03:30:00", True),
        (("04:00-05:00",), "Europe/Berlin", "2026-03-29T03:30:00", False),
        (("04:00-05:00",), "Europe/Berlin", "2026-03-29T02:30:00", True),
        # From 02:00 the clocks are put forward to 03:00: the hour between is not there.
        (("02:00-03:00",), "Europe/Berlin", "2026-03-29T00:59:59", False),
        (("02:00-03:00",), "Europe/Berlin", "2026-03-29T01:00:00", False),
        (("01:30-03:30",), "Europe/Berlin", "2026-03-29T01:00:00", True),
        # From 03:00 they are put back to 02:00: the hour after comes twice.
        (("02:00-03:00",), "Europe/Berlin", "2026-10-25T00:30:00", True),
        (("02:00-03:00",), "Europe/Berlin", "2026-10-25T01:30:00", True),
        (("02:00-03:00",), "Europe/Berlin", "2026-10-25T02:00:00", False),
    ],
)
def test_windows_are_of_the_clocks_of_their_zone(
    windows: tuple[str, ...], zone: str, now: str, open_: bool
) -> None:
    config = replace(NIGHTLY, allowed_upgrade_window=windows, time_zone=zone)
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert stance(config, NEW, now=moment) is (Stance.OPEN if open_ else Stance.CLOSED)


WINDOWS = ("02:00-03:00",)


@pytest.mark.parametrize(
    ("config", "is_"),
    [
        (AgentUpgradeConfig(), Stance.OPEN),  # documented: whenever they look
        (AgentUpgradeConfig(allowed_upgrade_window=WINDOWS), Stance.OPEN),
        (AgentUpgradeConfig(enabled=True, allowed_upgrade_window=WINDOWS), Stance.STARTING),
        (replace(NIGHTLY, allowed_upgrade_window=WINDOWS), Stance.CLOSED),
        (AgentUpgradeConfig(disable_upgrade=True), Stance.OFF),
        (replace(NIGHTLY, allowed_upgrade_window=("12:00-13:00",)), Stance.OPEN),
    ],
)
def test_what_a_setting_means_at_noon(config: AgentUpgradeConfig, is_: Stance) -> None:
    assert stance(config, NEW, now=NOW) is is_
    broken = replace(NEW, failed_at=NOW)
    halted = Stance.OFF if is_ is Stance.OFF else Stance.HALTED
    assert stance(config, broken, now=NOW) is halted


@pytest.mark.parametrize(
    ("course", "halted"),
    [
        (NEW, False),
        (replace(NEW, upgraded=7), False),
        (replace(NEW, refused=1), True),
        (replace(NEW, refused=3, upgraded=1), False),
        (replace(NEW, failed_at=NOW, upgraded=7), True),
        (replace(NEW, failed_at=NOW, confirmed_at=NOW - timedelta(minutes=1)), True),
        (replace(NEW, failed_at=NOW, confirmed_at=NOW + timedelta(minutes=1)), False),
    ],
)
def test_a_failure_halts_until_somebody_has_upgraded_one(course: Course, halted: bool) -> None:
    assert course.halted is halted


@pytest.mark.parametrize(
    ("course", "count"),
    [
        (NEW, 1),
        (replace(NEW, under_way=1), 0),
        (replace(NEW, upgraded=1), AT_ONCE),
        (replace(NEW, upgraded=1, under_way=AT_ONCE - 1), 1),
        (replace(NEW, upgraded=1, under_way=AT_ONCE + 3), 0),
    ],
)
def test_the_first_is_tried_alone(course: Course, count: int) -> None:
    assert room(course) == count
