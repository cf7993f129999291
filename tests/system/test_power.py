"""Exit codes and orders that stop or restart a machine, told truthfully, on real instances."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sqlite3

import pytest

from cloudhand.cli.follow import Result
from tests.system.innards import init_of
from tests.system.meeting import Meeting
from tests.system.place import Plane, ended

_LONG = 300_000  # bytes of output; several reports
# An agent that goes down politely says that it was interrupted; else a new boot speaks for itself.
_WENT_DOWN = ("ExecutionInterrupted", "InstanceRestarted")


def _moves(plane: Plane, noun: str, id: str) -> list[tuple[str, int]]:
    """What happened to a thing and when, as the control plane wrote it down."""
    path = f"file:{plane.state}/cloudhand.sqlite?mode=ro"
    with contextlib.closing(sqlite3.connect(path, uri=True)) as connection:
        rows = connection.execute(
            "SELECT event, at FROM events WHERE noun = ? AND id = ? ORDER BY rowid", (noun, id)
        )
        return [(str(event), int(at)) for event, at in rows]


def _went_down(result: Result) -> None:
    assert result.power is None
    assert (result.status, result.exit_code) == ("Error", None)
    assert result.error_code in _WENT_DOWN


@pytest.mark.parametrize("code", [194, 3010])
def test_a_restart_by_exit_code_is_a_success_and_the_machine_comes_back(
    either: Plane, code: int
) -> None:
    (instance,) = either.instances()
    before = either.boot_id(instance)

    result = either.run(instance, f"echo helloworld; exit {code}")

    assert (result.status, result.exit_code, result.error_code) == ("Success", 194, "")
    assert result.output == b"helloworld\n"
    assert result.power is not None and result.power.action == "restart"
    assert result.power.status == "Done"
    either.wait([instance])
    after = either.boot_id(instance)
    assert after != before
    assert (result.power.boot_id_before, result.power.boot_id_after) == (before, after)
    either.release([instance])


def test_the_whole_result_is_stored_before_the_machine_goes_down(
    shared: Plane, instance: str
) -> None:
    script = f"head -c {_LONG} /dev/zero | tr '\\0' x; exit 194"

    result = shared.run(instance, script, ContentEncoding="PlainText")

    assert len(result.output) + result.dropped == _LONG
    assert result.output == b"x" * len(result.output)
    (stored,) = [
        at
        for event, at in _moves(shared, "target", f"{result.invoke_id}/{instance}")
        if event == "succeeded"
    ]
    shared.wait([instance])
    began = [at for event, at in _moves(shared, "instance", instance) if event != "created"]
    assert stored <= began[-1]


def test_a_stop_by_exit_code_is_a_success_and_the_machine_stays_down_until_it_is_started(
    shared: Plane, instance: str
) -> None:
    before = shared.boot_id(instance)

    result = shared.run(instance, "echo bye; exit 193")

    assert (result.status, result.exit_code, result.output) == ("Success", 193, b"bye\n")
    assert result.power is not None
    assert (result.power.action, result.power.status) == ("stop", "Done")
    shared.wait([instance], "Stopped")
    shared.call("StartInstances", InstanceId=[instance])
    shared.wait([instance])
    assert shared.boot_id(instance) != before


@pytest.mark.parametrize(
    ("code", "action", "ends"), [(193, "stop", "Stopped"), (194, "restart", "Running")]
)
def test_documented_policy_calls_the_target_failed_and_acts_all_the_same(
    documented: Plane, code: int, action: str, ends: str
) -> None:
    (instance_id,) = documented.instances()

    result = documented.run(instance_id, f"echo bye; exit {code}")

    assert (result.status, result.exit_code) == ("Failed", code)
    assert (result.error_code, result.output) == ("ExitCodeNonzero", b"bye\n")
    assert result.power is not None
    assert (result.power.action, result.power.status) == (action, "Done")
    documented.wait([instance_id], ends)
    documented.release([instance_id])


def test_a_command_without_a_power_exit_code_leaves_its_machine_alone(
    shared: Plane, instance: str
) -> None:
    before = shared.boot_id(instance)

    result = shared.run(instance, "exit 195")

    assert (result.status, result.exit_code, result.power) == ("Failed", 195, None)
    assert shared.boot_id(instance) == before


def test_a_timeout_restarts_nothing_although_the_script_ends_with_the_code(
    shared: Plane, instance: str
) -> None:
    before = shared.boot_id(instance)

    result = shared.run(
        instance, "trap 'exit 194' TERM INT HUP; while :; do sleep 0.1; done", Timeout=10
    )

    assert (result.status, result.error_code, result.power) == ("Timeout", "ExecutionTimeout", None)
    assert shared.boot_id(instance) == before


@pytest.mark.parametrize("number", ["TERM", "KILL"])
def test_a_script_that_a_signal_ends_restarts_nothing(
    shared: Plane, instance: str, number: str
) -> None:
    before = shared.boot_id(instance)

    result = shared.run(instance, f"kill -{number} $$")

    assert result.status == "Failed"
    assert result.power is None
    assert shared.boot_id(instance) == before


def test_a_stopped_command_restarts_nothing_although_it_ends_with_the_code(
    shared: Plane, instance: str, meeting: Meeting
) -> None:
    before = shared.boot_id(instance)
    script = meeting.script(before="trap 'exit 194' TERM INT HUP", after="exit 194")
    invoke_id = shared.ask([instance], script)
    guest = meeting.guest()

    shared.call("StopInvocation", InvokeId=invoke_id)

    guest.gone()
    (result,) = shared.settled(invoke_id)
    assert (result.status, result.power) == ("Terminated", None)
    assert result.receipt is not None and result.receipt.ended
    assert shared.boot_id(instance) == before
    shown = ended(shared.place.start("result", invoke_id, "--state", str(shared.state)))
    assert re.search(r" stopped: \d+ process(es)? ended in \d\.\d s, none left\n", shown.stdout)


@pytest.mark.parametrize("script", ["reboot", "shutdown -r now", "systemctl reboot"])
def test_a_restart_from_within_without_the_code_interrupts_its_command(
    either: Plane, meeting: Meeting, script: str
) -> None:
    (instance,) = either.instances()
    before = either.boot_id(instance)

    result = either.run(instance, meeting.script(before=f"echo going; {script}"))

    _went_down(result)
    either.wait([instance])
    assert either.boot_id(instance) != before
    either.release([instance])


def test_a_poweroff_from_within_is_seen_and_its_command_ends_after_the_next_start(
    shared: Plane, instance: str, meeting: Meeting
) -> None:
    invoke_id = shared.ask([instance], meeting.script(before="poweroff"))

    shared.wait([instance], "Stopped")
    shared.call("StartInstances", InstanceId=[instance])

    (result,) = shared.settled(invoke_id)
    _went_down(result)
    shared.wait([instance])


@pytest.mark.parametrize("force", ["true", "false"])
def test_a_restart_by_the_api_ends_the_command_that_runs(
    shared: Plane, instance: str, meeting: Meeting, force: str
) -> None:
    before = shared.boot_id(instance)
    invoke_id = shared.ask([instance], meeting.script())
    guest = meeting.guest()

    shared.call("RebootInstances", InstanceId=[instance], ForceReboot=force)

    # A poll right after the call cannot be fooled.
    described = shared.call("DescribeInstances", InstanceIds=f'["{instance}"]')
    assert described["Instances"]["Instance"][0]["Status"] == "Starting"
    guest.gone()
    (result,) = shared.settled(invoke_id)
    _went_down(result)
    shared.wait([instance])
    assert shared.boot_id(instance) != before


def test_a_machine_that_loses_its_power_ends_its_command_once_it_is_back(
    either: Plane, meeting: Meeting
) -> None:
    (instance,) = either.instances()
    invoke_id = either.ask([instance], meeting.script())
    guest = meeting.guest()

    os.kill(init_of(invoke_id), signal.SIGKILL)

    guest.gone()
    either.wait([instance], "Stopped")
    either.call("StartInstances", InstanceId=[instance])
    (result,) = either.settled(invoke_id)
    assert (result.status, result.error_code) == ("Error", "InstanceRestarted")
    either.release([instance])
