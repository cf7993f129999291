"""Exit codes that act on the machine."""

from __future__ import annotations

import pytest

from cloudhand.core.power import POWER, Event, Kind, State, asked_by


@pytest.mark.parametrize(
    "code, kind",
    [
        (193, Kind.STOP),
        (3009, Kind.STOP),
        (194, Kind.RESTART),
        (3010, Kind.RESTART),
        (0, None),
        (192, None),
        (195, None),
    ],
)
def test_codes(code: int, kind: Kind | None) -> None:
    assert asked_by(code, agent_version="2.2.3.578") is kind


@pytest.mark.parametrize(
    "version, honours",
    [
        ("2.2.3.316", False),
        ("2.2.3.317", True),
        ("2.1.3.317", True),  # Windows
        ("2.4.4.100", True),  # a later series
        ("1.0.2.569", False),
        ("", False),
        ("newest", False),
    ],
)
def test_agents_that_are_too_old_do_not_act(version: str, honours: bool) -> None:
    assert (asked_by(194, agent_version=version) is Kind.RESTART) is honours


def test_a_stop_is_done_when_the_machine_is_seen_stopped() -> None:
    assert POWER.move(State.ORDERED, Event.STOPPED) is State.DONE


def test_a_restart_is_done_only_by_a_boot() -> None:
    down = POWER.move(State.ORDERED, Event.WENT_DOWN)
    assert down is State.DOWN
    assert POWER.move(down, Event.BOOTED) is State.DONE
    assert POWER.move(down, Event.EXPIRED) is State.OVERDUE
