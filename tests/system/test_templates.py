"""Templates, and runs at a rate, on real instances: exactly the documented items run."""

from __future__ import annotations

import base64
import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloudhand.cli.client import OOS
from cloudhand.cli.fleet import machines
from tests.system.meeting import Meeting
from tests.system.place import Plane, ended, error_lines_until
from tests.system.waiting import until

pytestmark = pytest.mark.drawn

_ONE_AT_A_TIME = 'rateControl={"Mode": "Concurrency", "Concurrency": 1, "MaxErrors": 0}'
_TEMPLATE = """\
FormatVersion: OOS-2019-06-01
Parameters:
  targets: {Type: Json}
  script: {Type: String}
  rateControl: {Type: Json}
Tasks:
  - Name: getInstance
    Action: ACS::SelectTargets
    Properties: {ResourceType: ALIYUN::ECS::Instance, Filters: ['{{ targets }}']}
    Outputs:
      ids: {Type: List, ValueSelector: 'Instances.Instance[].InstanceId'}
  - Name: runCommand
    Action: ACS::ECS::RunCommand
    Properties:
      commandType: RunShellScript
      commandContent: '{{ script }}'
      instanceId: '{{ ACS::TaskLoopItem }}'
    Loop: {Items: '{{ getInstance.ids }}', RateControl: '{{ rateControl }}'}
  - Name: rebootInstance
    Action: ACS::ECS::RebootInstance
    Properties: {instanceId: '{{ ACS::TaskLoopItem }}'}
    Loop: {Items: '{{ getInstance.ids }}', RateControl: '{{ rateControl }}'}
"""


@pytest.fixture
def fleet(shared: Plane) -> Iterator[list[str]]:
    """Three machines, in the order in which they are run on."""
    ids = shared.instances(3)
    yield [one.id for one in machines(shared.client) if one.id in ids]
    shared.release(ids)


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "it.yml"
    path.write_text(_TEMPLATE)
    return str(path)


def _on(ids: list[str]) -> list[str]:
    return [word for one in ids for word in ("--on", one)]


def _fails_on(instance_id: str, plane: Plane) -> str:
    """A script that fails on one machine only."""
    name = plane.run(instance_id, "hostname").output.decode().strip()
    return f'hostname; test "$(hostname)" != {name}'


def _has_run(plane: Plane, ids: list[str], script: str) -> list[str]:
    """Where exactly this script was run, as the invocations tell it."""

    def scripts(instance_id: str) -> list[str]:
        found = plane.call("DescribeInvocations", InstanceId=instance_id, PageSize=50)
        listed = found["Invocations"]["Invocation"]
        return [base64.b64decode(one["CommandContent"]).decode() for one in listed]

    return [one for one in ids if script in scripts(one)]


def test_a_template_runs_a_command_and_restarts_machines_one_after_the_other(
    shared: Plane, fleet: list[str], file: str
) -> None:
    boots = [shared.boot_id(one) for one in fleet]
    words = ("--param", _ONE_AT_A_TIME, "--param", "script=echo helloworld")

    told = shared.place.run(
        "template", "run", file, "--state", str(shared.state), *words, *_on(fleet)
    )

    assert told.returncode == 0, told.stderr
    assert "runCommand Success: 3 items: 3 Success\n" in told.stdout
    assert "rebootInstance Success: 3 items: 3 Success\n" in told.stdout
    assert not set(boots) & {shared.boot_id(one) for one in fleet}
    link = re.search(r"`cloudhand (result [^`]+)`", told.stdout)
    assert link
    results = shared.place.run(*link.group(1).split())
    assert results.returncode == 0
    assert results.stdout.count("helloworld\n") == 3


def test_a_failing_machine_ends_a_template_where_it_is_documented_to_end(
    shared: Plane, fleet: list[str], file: str
) -> None:
    script = _fails_on(fleet[1], shared)
    words = ("--param", _ONE_AT_A_TIME, "--param", f"script={script}")

    told = shared.place.run(
        "template", "run", file, "--state", str(shared.state), *words, *_on(fleet)
    )

    assert told.returncode == 1
    assert "runCommand Failed: 3 items: 1 Success, 1 Failed, 1 Skipped" in told.stdout
    assert "rebootInstance" not in told.stdout
    assert _has_run(shared, fleet, script) == fleet[:2]


def test_a_run_at_a_rate_begins_no_more_than_may_still_fail(
    shared: Plane, fleet: list[str]
) -> None:
    script = _fails_on(fleet[1], shared)
    state = ("--state", str(shared.state))

    told = shared.place.run("run", *state, *_on(fleet), "--at-a-time", "1", "--", script)
    borne = ("--at-a-time", "1", "--max-errors", "1")
    other = shared.place.run("run", *state, *_on(fleet), "--json", *borne, "--", f"{script} # all")

    assert told.returncode == 1
    assert _has_run(shared, fleet, script) == fleet[:2]
    assert re.search(rf"Success exit 0  \S* ?{fleet[0]}\n", told.stdout)
    assert re.search(rf"Failed exit 1  \S* ?{fleet[1]}\n", told.stdout)
    assert re.search(rf"Skipped its turn did not come  \S* ?{fleet[2]}\n", told.stdout)
    statuses = [one["status"] for one in json.loads(other.stdout)["results"]]
    assert other.returncode == 1
    assert statuses == ["Success", "Failed", "Success"]
    assert _has_run(shared, fleet, f"{script} # all") == fleet


def test_one_at_a_time_a_machine_is_back_before_the_next_one_goes_down(
    shared: Plane, fleet: list[str], meeting: Meeting
) -> None:
    words = ("--state", str(shared.state), "--at-a-time", "1", "--yes")
    script = meeting.script(after="exit 194")

    run = shared.place.start("run", *words, *_on(fleet), "--", script)
    for at in range(3):
        guest = meeting.guest()
        assert [_power(shared, one) for one in fleet[:at]] == ["Done"] * at
        assert [_power(shared, one) for one in fleet[at:]] == [""] * (3 - at)
        guest.release()

    told = ended(run)
    assert told.returncode == 0, told.stderr
    assert len(re.findall(r"restarted: boot (\w+)→(?!\1)\w+\n", told.stdout)) == 3


def _power(plane: Plane, instance_id: str) -> str:
    """How far the restart is that the last script on a machine asked for."""
    found = plane.call("DescribeInvocationResults", InstanceId=instance_id)["Invocation"]
    results = found["InvocationResults"]["InvocationResult"]
    return str(results[0].get("PowerAction", {}).get("Status", "")) if results else ""


def test_an_execution_outlives_its_control_plane(own: Plane, meeting: Meeting, file: str) -> None:
    own.start()
    ids = sorted(own.instances(2))
    state = ("--state", str(own.state))
    script = f"script={meeting.script(after='echo whole')}"
    words = ("template", "run", file, *state, "--param", _ONE_AT_A_TIME, "--param", script)
    run = own.place.start(*words, *_on(ids))
    guest = meeting.guest()
    error_lines_until(run, "runCommand Running")

    own.kill()
    assert re.match(
        r"Connection lost .*exec-\w+ goes on without us", error_lines_until(run, "lost")[-1]
    )
    own.start()
    guest.release()
    meeting.guest().release()

    told = ended(run)
    assert told.returncode == 0, told.stderr
    assert "runCommand Success: 2 items: 2 Success\n" in told.stdout
    assert meeting.nobody()


def test_a_schedule_fires_by_itself_until_it_is_cancelled(
    shared: Plane, instance: str, meeting: Meeting
) -> None:
    state = ("--state", str(shared.state))
    words = ("--on", instance, "--schedule", "* * * ? * *", "--", meeting.script())

    told = shared.place.run("run", *state, *words)

    assert told.returncode == 0, told.stderr
    execution_id = told.stdout.strip()
    meeting.guest().release()
    waits = meeting.guest()
    ended_ = shared.place.run("template", "cancel", execution_id, *state)
    assert ended_.returncode == 0
    assert " Cancelled" in ended_.stdout.splitlines()[0]
    assert re.search(r"(t-\w+) goes on there: `cloudhand stop-run \1 ", ended_.stderr)
    waits.release()


def test_ctrl_c_leaves_a_run_at_a_rate_running(
    shared: Plane, fleet: list[str], meeting: Meeting
) -> None:
    state = ("--state", str(shared.state))
    run = shared.place.start(
        "run", *state, *_on(fleet[:2]), "--at-a-time", "1", "--", meeting.script()
    )
    guest = meeting.guest()
    error_lines_until(run, "Running")

    run.send_signal(signal.SIGINT)

    told = ended(run)
    assert told.returncode == 130
    left = re.search(
        r"(exec-\w+) goes on: `cloudhand (template show \1 --follow --state \S+)`", told.stderr
    )
    assert left
    guest.release()
    meeting.guest().release()
    later = shared.place.run(*left.group(2).split())
    assert later.returncode == 0
    assert "runCommand Success: 2 items: 2 Success\n" in later.stdout
    until(lambda: _finished(shared, left.group(1)))


def _finished(plane: Plane, execution_id: str) -> bool:
    found = plane.client.call("ListExecutions", {"ExecutionId": execution_id}, version=OOS)
    return bool(found["Executions"][0]["EndDate"])
