"""Every table of states is whole: nothing unreachable, nothing without a way out, nobody stuck."""

from __future__ import annotations

import importlib
import pkgutil
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import pytest

from cloudhand import core
from cloudhand.core import file, instance, invocation, power, session, upgrade, verdict
from cloudhand.core.ids import InstanceId, InvokeId
from cloudhand.core.machine import IllegalMove, Machine

_NOW = datetime(2026, 1, 2, tzinfo=UTC)


def _machines() -> dict[str, tuple[Machine[Any, Any], type[StrEnum], type[StrEnum]]]:
    found = {}
    for entry in pkgutil.iter_modules(core.__path__):
        module = importlib.import_module(f"{core.__name__}.{entry.name}")
        for name, value in vars(module).items():
            if isinstance(value, Machine):
                found[f"{entry.name}.{name}"] = (value, module.State, module.Event)
    return found


_TABLES = pytest.mark.parametrize("machine, states, events", _machines().values(), ids=_machines())


def test_these_are_all_tables() -> None:
    assert set(_machines()) == {
        "execution.EXECUTION",
        "file.FILE_TARGET",
        "governor.SLOT",
        "instance.INSTANCE",
        "invocation.TARGET",
        "power.POWER",
        "session.CONNECTION",
        "task.TASK",
        "upgrade.UPGRADE",
    }


def _reachable(machine: Machine[Any, Any], start: StrEnum) -> set[StrEnum]:
    seen, open_ = {start}, [start]
    while open_:
        for state in machine.table[open_.pop()].values():
            if state not in seen:
                seen.add(state)
                open_.append(state)
    return seen


@_TABLES
def test_each_state_has_a_row(
    machine: Machine[Any, Any], states: type[StrEnum], events: type[StrEnum]
) -> None:
    assert set(machine.table) == set(states)


@_TABLES
def test_each_state_can_be_reached(
    machine: Machine[Any, Any], states: type[StrEnum], events: type[StrEnum]
) -> None:
    assert _reachable(machine, machine.start) == set(states)


@_TABLES
def test_each_state_that_is_not_final_has_a_way_to_its_end(
    machine: Machine[Any, Any], states: type[StrEnum], events: type[StrEnum]
) -> None:
    stuck = [state for state in states if not _reachable(machine, state) & machine.final]
    assert stuck == []


@_TABLES
def test_each_event_is_heard_by_some_state(
    machine: Machine[Any, Any], states: type[StrEnum], events: type[StrEnum]
) -> None:
    assert {event for row in machine.table.values() for event in row} == set(events)


@_TABLES
def test_final_states_hear_nothing(
    machine: Machine[Any, Any], states: type[StrEnum], events: type[StrEnum]
) -> None:
    for state in machine.final:
        for event in events:
            assert not machine.hears(state, event)
            with pytest.raises(IllegalMove):
                machine.move(state, event)


@pytest.mark.parametrize("fetched", [None, _NOW])
@pytest.mark.parametrize("started", [None, _NOW])
@pytest.mark.parametrize("state", sorted(invocation.UNFINISHED), ids=lambda state: state.value)
def test_a_target_whose_deadline_passes_ends(
    state: invocation.State, fetched: datetime | None, started: datetime | None
) -> None:
    """Whatever is known of its machine: at its deadline somebody says what became of it."""
    target = invocation.Target(
        invoke_id=InvokeId("t-1"),
        instance_id=InstanceId("i-1"),
        state=state,
        created_at=_NOW,
        updated_at=_NOW,
        deadline_at=_NOW,
        fetched_at=fetched,
        started_at=started,
    )
    for of_instance in (None, *instance.State):
        for online in (False, True):
            said = verdict.of_silence(target, instance=of_instance, agent=None, online=online)
            assert invocation.TARGET.move(state, said.event) in invocation.TARGET.final
            assert said.error_code and said.error_info and said.inferred


@pytest.mark.parametrize("state", sorted(set(power.State) - power.POWER.final))
def test_a_power_action_whose_deadline_passes_ends(state: power.State) -> None:
    assert power.POWER.move(state, power.Event.EXPIRED) in power.POWER.final


@pytest.mark.parametrize("state", sorted(set(session.State) - session.CONNECTION.final))
@pytest.mark.parametrize("event", [session.Event.SILENT, session.Event.GONE])
def test_a_connection_whose_deadline_passes_ends(
    state: session.State, event: session.Event
) -> None:
    """As does one whose machine is no more."""
    assert session.CONNECTION.move(state, event) in session.CONNECTION.final


@pytest.mark.parametrize("state", sorted(set(upgrade.State) - upgrade.UPGRADE.final))
def test_an_upgrade_whose_deadline_passes_ends(state: upgrade.State) -> None:
    assert upgrade.UPGRADE.move(state, upgrade.Event.EXPIRED) in upgrade.UPGRADE.final


@pytest.mark.parametrize("state", sorted(set(instance.State) - instance.INSTANCE.final))
def test_an_instance_that_is_gone_is_let_go(state: instance.State) -> None:
    """Pending has no machine yet that could be gone: its making fails instead."""
    event = (
        instance.Event.CREATE_FAILED
        if state is instance.State.PENDING
        else instance.Event.SEEN_GONE
    )
    assert instance.INSTANCE.move(state, event) is instance.State.RELEASED


# What the published API lists.
_INVOCATION_STATUS = {
    *("Pending", "Scheduled", "Running", "Stopping", "Success", "Failed", "Error", "Timeout"),
    *("Cancelled", "Terminated", "Invalid", "Aborted"),
}
_INSTANCE_STATUS = {"Pending", "Starting", "Running", "Stopping", "Stopped"}


# Of files, which have no more.
_FILE_STATUS = {
    *("Pending", "Invalid", "Running", "Aborted", "Success", "Failed", "Error", "Timeout"),
}


# Of sessions.
_CONNECTION_STATUS = {"Connecting", "Connected", "Disconnected", "Terminated", "Failed"}


def test_states_of_targets_are_spelled_as_on_the_wire() -> None:
    assert {state.value for state in invocation.State} == _INVOCATION_STATUS
    assert {state.value for state in file.State} == _FILE_STATUS
    assert {state.value for state in session.State} == _CONNECTION_STATUS


def test_states_of_instances_are_shown_as_on_the_wire() -> None:
    shown = {instance.shown(state) for state in set(instance.State) - {instance.State.RELEASED}}
    assert shown == _INSTANCE_STATUS


def test_an_order_stands_in_every_state_that_somebody_must_act_upon() -> None:
    """Whatever has no order and is not final is kept by observation alone."""
    resting = set(instance.State) - instance.ORDERS - instance.INSTANCE.final
    assert resting == {instance.State.RUNNING, instance.State.STOPPED}
