"""Machines with rules of their own: an instance, and one that joined from outside."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cloudhand.cli.errors import ApiError
from tests.system.place import Plane, mode_options
from tests.system.test_files import ended, send, told
from tests.system.test_managed import Machine
from tests.system.waiting import until

_PLACE = "/var/lib/cloudhand-agent/agent.toml"  # of an instance, whose /etc is the machine's


class Ruled:
    """An instance whose rules a command of ours has written, before it could be refused."""

    def __init__(self, plane: Plane, instance_id: str) -> None:
        self.plane = plane
        self.id = instance_id
        plain = "--plain-processes" in (*plane.options, *mode_options())
        self.rules = f"{plane.state}/sandbox/{instance_id}/agent/agent.toml" if plain else _PLACE

    def say(self, text: str) -> None:
        result = self.plane.run(self.id, self.saying(text))
        assert result.status == "Success", result

    def saying(self, text: str) -> str:
        """A script that puts rules into their place by one step."""
        part = f"{self.rules}.part"
        words = f"printf %s {shlex.quote(text)} > {part}"
        return f"umask 022; {words}; mv {part} {self.rules}"

    def refused(self, script: str = "true") -> str:
        result = self.plane.run(self.id, script)
        assert (result.status, result.error_code) == ("Invalid", "RefusedByMachine")
        return result.error_info


@pytest.fixture
def one(shared: Plane) -> Iterator[Ruled]:
    (instance_id,) = shared.instances()
    yield Ruled(shared, instance_id)
    shared.release([instance_id])


def closed() -> str:
    begin = datetime.now(UTC) + timedelta(hours=3)
    return f'[window]\nopen = ["{begin:%H:%M}-{begin + timedelta(hours=1):%H:%M}"]\nzone = "UTC"\n'


def boot(one: Ruled) -> str:
    return str(_status(one.plane, one.id)["BootId"])


def _status(plane: Plane, instance_id: str) -> dict[str, Any]:
    answer = plane.call("DescribeCloudAssistantStatus", InstanceId=[instance_id])
    (status,) = answer["InstanceCloudAssistantStatusSet"]["InstanceCloudAssistantStatus"]
    return dict(status)


def test_a_user_is_refused(one: Ruled) -> None:
    user = one.plane.run(one.id, "id -un").output.decode().strip()
    one.say(f'[users]\ndeny = ["{user}"]\n')
    rule = f'{one.rules}, line 2: users.deny = ["{user}"]'
    assert one.refused() == f"the machine refuses commands as {user}: {rule}"
    sent = send(one.plane, one.id, "/tmp")
    assert ended(one.plane, sent) == ("Invalid", "RefusedByMachine")
    assert told(one.plane, sent)["ErrorInfo"] == f"the machine refuses files of {user}: {rule}"


def test_a_file_is_refused_and_commands_run(one: Ruled) -> None:
    one.say("files = false\n")
    sent = send(one.plane, one.id, "/tmp/sent-nowhere")
    assert ended(one.plane, sent) == ("Invalid", "RefusedByMachine")
    assert told(one.plane, sent)["ErrorInfo"] == (
        f"the machine refuses files: {one.rules}, line 1: files = false"
    )
    assert one.plane.run(one.id, "ls /tmp/sent-nowhere").status == "Failed"


def test_power_is_refused_and_the_machine_runs_on(one: Ruled) -> None:
    before = boot(one)
    result = one.plane.run(one.id, f"{one.saying('power = false')}; echo bye; exit 194")
    assert (result.status, result.exit_code, result.output) == ("Failed", 194, b"bye\n")
    assert result.error_code == "RefusedByMachine"
    assert result.error_info == (
        "exit code 194 asks for a restart; the machine refuses to restart:"
        f" {one.rules}, line 1: power = false"
    )
    assert result.power is not None
    assert (result.power.action, result.power.status) == ("restart", "Refused")
    assert one.plane.run(one.id, "echo here").output == b"here\n"
    assert boot(one) == before


def test_outside_of_the_window_everything_is_refused_and_nothing_is_ended(one: Ruled) -> None:
    gate = f"{one.rules}.gate"
    going = one.plane.ask([one.id], f"mkfifo {gate}; {one.saying(closed())}; read x < {gate}")
    until(lambda: one.plane.run(one.id, "true").status == "Invalid", what="the window's closing")
    assert one.refused().startswith(
        f"the machine refuses commands now: {one.rules}, line 2: window.open = "
    )
    assert ended(one.plane, send(one.plane, one.id, "/tmp"))[1] == "RefusedByMachine"
    one.plane.call("StopInvocation", InvokeId=going)
    (result,) = one.plane.settled(going)
    assert result.status == "Terminated"


def test_a_file_that_cannot_be_used_refuses_everything(one: Ruled) -> None:
    one.say("files = no\n")
    assert one.refused() == (
        f"the machine refuses commands: {one.rules} cannot be used: line 1: this is no TOML:"
        " Invalid value"
    )
    assert _status(one.plane, one.id)["CloudAssistantStatus"] == "true"


@pytest.fixture
def machine(shared: Plane, tmp_path: Path) -> Iterator[Machine]:
    """One of one's own, with rules in a file that its agent was named."""
    one = Machine(plane=shared, root=tmp_path)
    one.register()
    write(one, "# nothing yet\n")
    yield one
    if one.agent is not None and one.agent.poll() is None:
        assert one.stop() == 0
    one.deregister()


def write(machine: Machine, text: str) -> Path:
    rules = machine.root / "agent.toml"
    part = rules.with_suffix(".part")
    part.write_text(text)
    part.chmod(0o644)
    part.rename(rules)
    return rules


def test_an_operation_that_restarts_is_refused_by_what_the_machine_has_said(
    machine: Machine, shared: Plane
) -> None:
    rules = write(machine, 'power = ["stop"]\nsessions = false\nupgrades = true\n')
    machine.start("--rules", str(rules))
    rule = f'the machine refuses to restart: {rules}, line 1: power = ["stop"]'

    assert _status(shared, machine.id)["Refusals"] == {
        "Refusal": [
            {
                "What": "sessions",
                "Why": f"the machine refuses sessions: {rules}, line 2: sessions = false",
            },
            {"What": "restart", "Why": rule},
        ]
    }
    with pytest.raises(ApiError, match=r"agent\.toml, line 1: power") as error:
        shared.call("RebootInstances", InstanceId=[machine.id])
    assert error.value.code == "IncorrectInstanceStatus"
    said = shared.place.run("reboot", machine.id, "--yes", "--state", str(shared.state))
    assert (said.returncode, said.stdout) == (2, "")
    assert f"{machine.id}: {rule}, as its agent said at " in said.stderr
    some = shared.call("RebootInstances", InstanceId=[machine.id], BatchOptimization="SuccessFirst")
    (response,) = some["InstanceResponses"]["InstanceResponse"]
    assert (response["Code"], response["CurrentStatus"]) == ("IncorrectInstanceStatus", "")
    assert rule in response["Message"]

    shared.call("StartTerminalSession", InstanceId=[machine.id])
    found = shared.call("DescribeTerminalSessions", InstanceId=machine.id)
    (session,) = found["Sessions"]["Session"]
    (connection,) = session["Connections"]["Connection"]
    assert (connection["Status"], connection["ClosedReason"]) == ("Failed", "RefusedByMachine")
    assert f"{rules}, line 2: sessions = false" in connection["FailedDetail"]
    assert machine.orders == []


def test_rules_that_came_since_the_last_beat_are_told_all_the_same(
    machine: Machine, shared: Plane
) -> None:
    rules = write(machine, "# nothing yet\n")
    machine.start("--rules", str(rules))
    write(machine, "power = false\n")

    told = shared.place.run("reboot", machine.id, "--yes", "--state", str(shared.state))

    assert told.returncode == 1
    assert f"the machine refuses to restart: {rules}, line 1: power = false" in told.stdout
    assert machine.orders == []


def test_status_doctor_and_a_check_say_what_is_refused(machine: Machine, shared: Plane) -> None:
    rules = write(machine, "files = false\nsessions = false\nupgrades = true\n")
    machine.start("--rules", str(rules))
    whys = [
        f"the machine refuses files: {rules}, line 1: files = false",
        f"the machine refuses sessions: {rules}, line 2: sessions = false",
    ]
    given = ("--state", str(machine.root / "agent"), "--rules", str(rules))

    status = machine.place.run("agent", "status", *given)
    doctor = machine.place.run("agent", "doctor", *given)
    assert status.stdout.splitlines() == [f"{machine.id} online", *whys]
    assert (doctor.returncode, doctor.stdout.splitlines()[-1]) == (
        0,
        f"ok    rules       {'; '.join(whys)}",
    )

    write(machine, "files = 0\n")
    status = machine.place.run("agent", "status", *given)
    doctor = machine.place.run("agent", "doctor", *given)
    check = machine.place.run("agent", "rules", "--check", str(rules))
    wrong = f"{rules} cannot be used: line 1: files is neither true nor false"
    assert status.stdout.splitlines()[1:] == [f"the machine refuses everything: {wrong}"]
    assert status.stderr == doctor.stderr == ""
    assert doctor.returncode == 1
    assert doctor.stdout.splitlines()[-1] == (
        f"FAIL  rules       {wrong}; until it is mended everything is refused"
    )
    assert (check.returncode, check.stdout, check.stderr) == (1, "", f"cloudhand: {wrong}\n")
