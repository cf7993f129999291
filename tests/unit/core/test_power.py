"""Exit codes that act on the machine."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cloudhand.core.ids import InstanceId, InvokeId, PowerActionId
from cloudhand.core.power import POWER, Event, Kind, PowerAction, State, asked_by, of_silence


@pytest.mark.parametrize(
    "code, linux, windows",
    [
        (193, Kind.STOP, None),
        (3009, None, Kind.STOP),
        (194, Kind.RESTART, None),
        (3010, None, Kind.RESTART),
        (0, None, None),
        (192, None, None),
        (195, None, None),
    ],
)
def test_codes(code: int, linux: Kind | None, windows: Kind | None) -> None:
    assert asked_by(code, agent_version="2.2.3.578", os_type="linux") is linux
    assert asked_by(code, agent_version="2.1.3.578", os_type="windows") is windows


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
    kind = asked_by(194, agent_version=version, os_type="linux")
    assert (kind is Kind.RESTART) is honours


def test_a_stop_is_done_when_the_machine_is_seen_stopped() -> None:
    assert POWER.move(State.ORDERED, Event.STOPPED) is State.DONE


def test_a_restart_is_done_only_by_a_boot() -> None:
    down = POWER.move(State.ORDERED, Event.WENT_DOWN)
    assert down is State.DOWN
    assert POWER.move(down, Event.BOOTED) is State.DONE
    assert POWER.move(down, Event.EXPIRED) is State.OVERDUE


def test_what_is_refused_is_over() -> None:
    assert POWER.move(State.ORDERED, Event.REFUSED) is State.REFUSED
    assert State.REFUSED in POWER.final


@pytest.mark.parametrize(
    ("kind", "managed", "online", "event"),
    [
        (Kind.STOP, True, False, Event.STOPPED),
        (Kind.STOP, True, True, Event.EXPIRED),
        (Kind.STOP, False, False, Event.EXPIRED),
        (Kind.RESTART, True, False, Event.EXPIRED),
    ],
)
def test_silence_proves_only_the_stop_of_a_machine_whose_power_nobody_sees(
    kind: Kind, managed: bool, online: bool, event: Event
) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    action = PowerAction(
        run=0,
        id=PowerActionId("p-1"),
        instance_id=InstanceId("mi-1"),
        invoke_id=InvokeId("t-1"),
        kind=kind,
        asked_at=now,
        ordered_at=now,
        deadline_at=now,
        boot_id_before=None,
    )
    assert of_silence(action, managed=managed, online=online) is event
