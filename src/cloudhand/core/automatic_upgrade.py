"""Upgrades of agents that nobody asks for one by one: when they are begun, and how many. Pure.

AgentUpgradeConfig says when. A release that fails somewhere is begun nowhere else, until somebody
has seen to it that it can be.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from cloudhand.core.assistant_settings import AgentUpgradeConfig
from cloudhand.wire import schedule, window

AT_ONCE = 5  # once the release runs somewhere; the first is tried alone
# For so long after its start an agent counts as one that starts.
STARTED_WITHIN = timedelta(minutes=10)


class Stance(StrEnum):
    """Whether upgrades are begun now without being asked for."""

    OFF = "Off"
    CLOSED = "Closed"  # it is outside the windows
    STARTING = "Starting"  # so it is, but agents that start are upgraded
    OPEN = "Open"
    HALTED = "Halted"  # the release has failed


@dataclass(frozen=True, kw_only=True)
class Course:
    """What has become of a release so far, as the last upgrade of each machine tells it."""

    under_way: int  # of any release
    upgraded: int
    refused: int  # by agents, of those that nobody asked for
    failed_at: datetime | None  # the last one that went back, or of which nobody told
    confirmed_at: datetime | None  # the last one that somebody asked for, and went well

    @property
    def halted(self) -> bool:
        # A machine that refuses what runs elsewhere has reasons of its own.
        if self.refused and not self.upgraded:
            return True
        if self.failed_at is None:
            return False
        return self.confirmed_at is None or self.confirmed_at < self.failed_at


def stance(config: AgentUpgradeConfig, course: Course, *, now: datetime) -> Stance:
    if config.disable_upgrade:
        return Stance.OFF
    if course.halted:
        return Stance.HALTED
    if not config.enabled or _in_window(config, now):
        return Stance.OPEN
    return Stance.STARTING if config.bootstrap_upgrade else Stance.CLOSED


def room(course: Course) -> int:
    """How many may be begun beside those that are under way."""
    at_once = AT_ONCE if course.upgraded else 1
    return max(at_once - course.under_way, 0)


def _in_window(config: AgentUpgradeConfig, now: datetime) -> bool:
    """By the clocks of the time zone: what they leave out does not come, and what they show twice
    comes twice."""
    there = now.astimezone(schedule.zone(config.time_zone))
    minute = there.hour * 60 + there.minute
    spans = map(window.span, config.allowed_upgrade_window)
    return any(span.holds(there.weekday(), minute) for span in spans)
