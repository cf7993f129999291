"""The command line against a control plane that serves, on real instances."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
from collections.abc import Iterator

import pytest

from cloudhand.cli.fleet import machines
from tests.system.meeting import Meeting
from tests.system.place import (
    Place,
    Plane,
    ended,
    error_line,
    error_lines_until,
    lines_until,
    mode_options,
)
from tests.system.waiting import until

pytestmark = pytest.mark.drawn


class Cli:
    """`cloudhand` with the shared control plane."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane

    def start(self, command: str, *words: str) -> subprocess.Popen[str]:
        return self._plane.place.start(command, "--state", str(self._plane.state), *words)

    def __call__(self, command: str, *words: str) -> subprocess.CompletedProcess[str]:
        return ended(self.start(command, *words))


@pytest.fixture
def cli(shared: Plane) -> Cli:
    return Cli(shared)


@pytest.fixture
def fleet(shared: Plane) -> Iterator[list[str]]:
    ids = shared.instances(3)
    yield ids
    shared.release(ids)


def _on(ids: list[str]) -> list[str]:
    return [word for i in ids for word in ("--on", i)]


def test_each_change_of_each_instance_is_a_line_and_equal_outputs_are_told_once(
    cli: Cli, fleet: list[str]
) -> None:
    told = cli("run", *_on(fleet), "--", "echo", "helloworld")

    assert told.returncode == 0
    for instance_id in fleet:
        assert f"{instance_id} Success exit 0\n" in told.stderr
    assert told.stdout.count("helloworld\n") == 1
    assert "3 x Success exit 0" in told.stdout


def test_json_has_output_exit_code_and_power_action_of_each(cli: Cli, instance: str) -> None:
    told = cli("run", "--on", instance, "--yes", "--json", "--", "echo bye; exit 194")

    (result,) = json.loads(told.stdout)["results"]
    assert told.returncode == 0
    assert (result["status"], result["exitCode"], result["output"]) == ("Success", 194, "bye\n")
    action = result["powerAction"]
    assert (action["action"], action["status"]) == ("restart", "Done")
    assert action["bootIdBefore"] != action["bootIdAfter"]


def test_a_dry_run_runs_nothing(cli: Cli, shared: Plane, instance: str) -> None:
    before = shared.boot_id(instance)

    told = cli("run", "--on", instance, "--dry-run", "--", "exit 194")

    assert told.returncode == 0
    assert told.stdout.startswith(f"{instance}\t")
    assert shared.boot_id(instance) == before


def test_what_failed_is_run_again_where_it_failed(
    cli: Cli, fleet: list[str], meeting: Meeting
) -> None:
    run = cli.start("run", *_on(fleet), "--", meeting.script(after="test $word = good"))
    for word in ("good", "bad", "bad"):
        meeting.guest().release(word)
    told = ended(run)
    assert told.returncode == 1
    failed = re.findall(r"(i-\w+) Failed exit 1\n", told.stderr)
    advice = re.search(r"--rerun-failed (t-\S+)", told.stderr)
    assert advice

    again = cli.start("run", "--json", "--rerun-failed", advice.group(1))
    for guest in meeting.guests(2):
        guest.release("good")

    results = json.loads(ended(again).stdout)["results"]
    assert [one["instanceId"] for one in results] == sorted(failed)
    assert {one["status"] for one in results} == {"Success"}
    assert meeting.nobody()


@pytest.mark.skipif(os.getuid() != 0, reason="instances of an ordinary user have one user")
def test_user_directory_and_timeout_are_those_asked_for(cli: Cli, instance: str) -> None:
    script = "id -un; pwd"

    told = cli("run", "--on", instance, "--user", "nobody", "--workdir", "/var", "--", script)

    assert told.returncode == 0, told.stdout
    assert "nobody\n/var\n" in told.stdout


@pytest.mark.skipif(os.getuid() == 0, reason="instances of root have all users")
def test_another_user_is_refused_where_there_is_none(cli: Cli, instance: str) -> None:
    told = cli("run", "--on", instance, "--user", "nobody", "--", "id")

    assert told.returncode == 1
    assert re.search("AccountNotExists: (nobody has no ids|the agent is not root)", told.stdout)


def test_ctrl_c_leaves_what_has_begun_running(
    cli: Cli, shared: Plane, instance: str, meeting: Meeting
) -> None:
    run = cli.start("run", "--on", instance, "--", meeting.script(after="echo whole"))
    guest = meeting.guest()
    error_lines_until(run, "Running")

    run.send_signal(signal.SIGINT)

    told = ended(run)
    assert told.returncode == 130
    again = r"(t-\S+) goes on: `cloudhand result \1 --follow --state \S+` .*\n"
    goes_on = re.fullmatch(again, told.stderr)
    assert goes_on, told.stderr
    guest.release()
    later = cli("result", goes_on.group(1), "--follow")
    assert later.returncode == 0
    assert "Success exit 0" in later.stdout
    assert "whole\n" in later.stdout


def test_a_run_outlives_its_control_plane(own: Plane, meeting: Meeting) -> None:
    own.start()
    (instance_id,) = own.instances()
    run, other = (
        own.place.start("run", "--state", str(own.state), "--", meeting.script(after="echo whole"))
        for _ in range(2)
    )
    guests = meeting.guests(2)
    for child in (run, other):
        error_lines_until(child, "Running")

    own.kill()
    for child in (run, other):
        assert re.match(r"Connection lost .*t-\S+ goes on without us; trying", error_line(child))
    other.send_signal(signal.SIGINT)
    left = ended(other)
    own.start()
    for guest in guests:
        guest.release()

    told = ended(run)
    assert told.returncode == 0, told.stderr
    assert f"{instance_id} Success exit 0\n" in told.stderr
    assert "The control plane is back." in told.stderr
    assert left.returncode == 130
    assert re.search(r"`cloudhand result t-\S+ --follow --state \S+` shows its result", left.stderr)


def test_a_control_plane_that_has_ended_for_good_is_not_waited_for(
    alone: Place, meeting: Meeting
) -> None:
    up = alone.start("up", "--fleet", "1", *mode_options())
    told_first = "".join(lines_until(up, "Ctrl-C ends everything"))
    # What is no terminal may be a file that others read.
    assert re.search(r"access key  \S+   secret in /\S+/endpoint\.json\n", told_first)
    run = alone.start("run", "--", meeting.script())
    guest = meeting.guest()
    error_lines_until(run, "Running")

    up.send_signal(signal.SIGTERM)

    told = ended(run)
    guest.gone()
    assert told.returncode == 3
    assert "has ended, and its state is gone; t-" in told.stderr
    assert ended(up).returncode == 0


def test_instances_of_up_carry_its_tags(alone: Place) -> None:
    listed = shlex.join([*alone.cloudhand, "run", "--tag", "env=prod", "--dry-run", "--", "true"])
    tags = ("--tag", "env=prod", "--tag", "room=3")

    told = alone.run("up", "--fleet", "1", *tags, *mode_options(), "--", "sh", "-c", listed)

    assert told.returncode == 0, told.stderr
    assert re.fullmatch(r"i-\w+\thand-01\tRunning\n", told.stdout)


def test_up_has_the_bounds_that_it_is_given(alone: Place) -> None:
    once = shlex.join([*alone.cloudhand, "run", "--", "true"])
    asked = f"{once} && {once}"

    told = alone.run(
        "up", "--fleet", "1", "--invocations-per-day", "1", *mode_options(), "--", "sh", "-c", asked
    )

    assert told.returncode == 3
    assert "the limit is 1 invocations since 00:00 UTC" in told.stderr


def test_an_empty_fleet_is_told_as_such_and_named_beside_others(
    alone: Place, shared: Plane
) -> None:
    with_others = {"XDG_RUNTIME_DIR": shared.place.environment["XDG_RUNTIME_DIR"]}
    up = alone.start("up", "--fleet", "0", *mode_options(), env=with_others)

    told = "".join(lines_until(up, "Ctrl-C ends everything"))
    up.send_signal(signal.SIGTERM)

    assert "Ready; no instance was started" in told
    assert re.search(r"instances --state \S+/cloudhand-\S+\n", told)
    assert ended(up).returncode == 0


def test_a_machine_is_stopped_started_and_restarted(cli: Cli, instance: str) -> None:
    stopped, started, restarted = (cli(word, instance) for word in ("stop", "start", "reboot"))

    assert f"{instance} stopped: boot " in stopped.stdout
    assert f"{instance} started: boot " in started.stdout
    assert re.search(rf"{instance} restarted: boot (\w+)→(?!\1)\w+\n", restarted.stdout)


def test_a_script_that_restarts_its_machine_is_told_as_that(cli: Cli, instance: str) -> None:
    told = cli("run", "--on", instance, "--yes", "--", "echo before; reboot; sleep 100")

    assert told.returncode == 1
    assert "before\n" in told.stdout
    assert re.search(
        rf"{instance} the machine restarted while the script ran: boot (\w+)→(?!\1)\w+\n",
        told.stdout,
    )
    assert "`exit 194` instead of `reboot`" in told.stderr


def test_instances_are_listed_with_their_states(cli: Cli, shared: Plane, fleet: list[str]) -> None:
    shared.run(fleet[0], "exit 193")
    shared.wait(fleet[:1], "Stopped")

    listed = {one["instanceId"]: one for one in json.loads(cli("instances", "--json").stdout)}
    lines = cli("instances").stdout

    assert [listed[i]["status"] for i in fleet] == ["Stopped", "Running", "Running"]
    assert [listed[i]["online"] for i in fleet] == [False, True, True]
    assert all(i in lines for i in fleet)


def test_doctor_says_what_this_machine_can_do(shared: Plane) -> None:
    told = shared.place.run("doctor")

    assert told.returncode in (0, 1)
    assert told.stderr == ""
    for subject in ("Python", "Instances", "Port", "Disk", "Open files", "Clock"):
        assert subject in told.stdout


def test_doctor_says_who_holds_a_state(shared: Plane, alone: Place) -> None:
    assert shared.process is not None

    held = alone.run("doctor", "--state", str(shared.state)).stdout
    free = alone.run("doctor", "--state", "new").stdout

    who = f"the control plane with process id {shared.process.pid} holds {shared.state}"
    assert who in held
    assert f"✓  State       {who}" in held
    assert f"try: cloudhand instances --state {shared.state}" in held
    assert "nobody holds new" in free
    assert not (alone.root / "new").exists()


def test_the_newest_control_plane_of_this_user_is_found_by_itself(
    shared: Plane, instance: str
) -> None:
    told = shared.place.run("instances")

    assert instance in told.stdout


def test_a_machine_joins_runs_and_leaves_with_a_state_named_from_where_one_is(
    cli: Cli, shared: Plane
) -> None:
    made = shared.call("CreateActivation", InstanceCount=1)
    code = ("--activation-id", made["ActivationId"], "--activation-code", made["ActivationCode"])
    server = ("--server", shared.client.endpoint.url)
    lies_in = ("--state", "relative")
    joined = shared.place.run("agent", "register", *server, *code, *lies_in)
    instance_id = joined.stdout.split()[-1]
    machine = shared.place.start("agent", "run", *lies_in, "--power-command", "true")
    until(lambda: _online(shared, instance_id), what="its agent's coming online")

    told = cli("run", "--on", instance_id, "--", "echo it runs")
    refused = cli("stop", instance_id)
    machine.send_signal(signal.SIGTERM)
    ended(machine)
    left = shared.place.run("agent", "deregister", *lies_in)

    assert told.returncode == 0, told.stdout
    assert "it runs\n" in told.stdout
    assert refused.returncode == 2
    assert "a machine of your own" in refused.stderr
    assert left.returncode == 0, left.stderr
    assert instance_id not in cli("instances").stdout


def _online(plane: Plane, instance_id: str) -> bool:
    found = {machine.id: machine for machine in machines(plane.client)}
    return instance_id in found and found[instance_id].online
