"""`cloudhand result` and `stop-run`: what was run earlier."""

from __future__ import annotations

import json
import re

from cloudhand.cli.client import Client
from cloudhand.core.ids import InstanceId
from cloudhand.wire import agent as wire
from cloudhand.wire.receipt import Receipt
from tests.api.cloud import Cloud
from tests.cli.conftest import Cli
from tests.machines import Machine, finish, run_on


def asked(client: Client, instance_id: InstanceId, script: str = "true") -> str:
    order = {"Type": "RunShellScript", "CommandContent": script, "InstanceId": [instance_id]}
    invoke_id: str = client.call("RunCommand", order)["InvokeId"]
    return invoke_id


def end(it: Cloud, instance_id: InstanceId, code: int) -> None:
    """End what runs there with an exit code, upon which the machine itself does nothing."""
    machine = it.world.machine(instance_id)
    (task,) = machine.running.values()
    machine.running.clear()
    it.do(lambda world: world.machines.say(machine, finish(task, code, b"bye\n")))


def test_what_was_run_is_listed_the_newest_first(it: Cloud, cli: Cli, client: Client) -> None:
    (instance_id,) = it.instances()
    first = asked(client, instance_id, "echo the first")
    it.advance(seconds=2)
    second = asked(client, instance_id, "echo the second")
    it.advance(seconds=2)

    lines = cli("result").stdout.splitlines()
    entries = json.loads(cli("result", "--json").stdout)

    assert [line.split()[0] for line in lines[:3]] == ["invocation", second, first]
    assert lines[1].endswith("Success               1  echo the second")
    assert entries[1]["invokeId"] == first
    assert entries[1]["instanceIds"] == [instance_id]


def test_the_list_says_how_all_of_them_ended_and_is_as_wide_as_the_terminal(
    it: Cloud, cli: Cli, client: Client
) -> None:
    def behave(machine: Machine, task: wire.Task) -> wire.Report:
        return wire.Report(kind=wire.TIMEOUT, task_id=task.task_id, start=1, end=2)

    it.world.machines.behave = behave
    (instance_id,) = it.instances()
    asked(client, instance_id, "echo a long script " * 9)
    it.advance(seconds=1)

    _, line, *_ = cli("result", env={"COLUMNS": "80"}).stdout.splitlines()

    assert line.split()[3] == "Timeout"
    assert len(line) == 80
    assert line.endswith("…")


def test_an_earlier_result_is_shown_and_is_the_exit_code(
    it: Cloud, cli: Cli, client: Client
) -> None:
    (instance_id,) = it.instances()
    invoke_id = asked(client, instance_id)
    it.advance(seconds=1)

    told = cli("result", invoke_id)

    assert told.returncode == 0, told.stderr
    assert "── Success exit 0" in told.stdout
    assert "helloworld\n" in told.stdout


def test_what_still_runs_is_shown_and_can_be_followed_and_stopped(
    it: Cloud, cli: Cli, client: Client
) -> None:
    it.world.machines.behave = run_on
    (instance_id,) = it.instances()
    it.world.machine(instance_id).receipt = Receipt(how="cgroup", took=104, ended=2, pids=(7, 8))
    invoke_id = asked(client, instance_id)
    it.advance(seconds=1)

    told = cli("result", invoke_id)
    assert told.returncode == 1
    assert "── Running" in told.stdout
    assert f"`cloudhand result {invoke_id} --follow`" in told.stderr

    told = cli("stop-run", invoke_id)
    assert told.returncode == 0, told.stderr
    assert f"{invoke_id} is being stopped" in told.stderr
    assert "── Terminated" in told.stdout

    assert "stopped: 2 processes ended in 0.1 s, none left\n" in told.stdout

    again = cli("stop-run", invoke_id, "--json")
    assert (again.returncode, "being stopped" in again.stderr) == (0, False)
    (one,) = json.loads(again.stdout)["results"]
    assert one["receipt"] == {
        "followedBy": "cgroup",
        "tookMs": 104,
        "ended": 2,
        "endedPids": [7, 8],
        "survived": 0,
        "survivors": [],
        "left": 0,
        "leftProcesses": [],
    }


def test_several_are_told_one_after_the_other(it: Cloud, cli: Cli, client: Client) -> None:
    (instance_id,) = it.instances()
    first, second = (asked(client, instance_id) for _ in range(2))
    it.advance(seconds=1)

    told = cli("result", first, second).stdout
    followed = cli("result", first, second, "--follow", "--json").stdout

    assert told.startswith(f"{first}:\n── Success exit 0")
    assert f"\n{second}:\n── Success exit 0" in told
    assert json.loads(followed)["invokeIds"] == [first, second]


def test_an_unknown_id_is_a_mistake(cli: Cli) -> None:
    for word in ("result", "stop-run"):
        told = cli(word, "t-nowhere")
        assert told.returncode == 2
        assert "cannot find t-nowhere: `cloudhand result` lists" in told.stderr


def test_every_hint_asks_the_same_control_plane(it: Cloud, cli: Cli) -> None:
    named = ("--endpoint", f"http://{it.endpoint}")
    (instance_id,) = it.instances()
    it.do(lambda world: world.control.instances.stop([instance_id], force=True, together=True))
    it.advance(seconds=5)

    for words, command in (
        (("result", "t-nowhere"), "result"),
        (("run", "--rerun-failed", "t-nowhere"), "result"),
        (("run", "--on", "nobody", "--", "true"), "instances"),
        (("run", "--tag", "a=b", "--", "true"), "instances"),
        (("run", "--", "true"), "start --all"),
        (("run", "--on", instance_id, "--", "true"), f"start {instance_id}"),
        (("reboot", instance_id), f"start {instance_id}"),
        (("stop", "nobody"), "instances"),
    ):
        head, *rest = words
        told = cli(head, *named, *rest)
        assert told.returncode == 2
        assert f"`cloudhand {command} {' '.join(named)}`" in told.stderr


def test_a_machine_that_does_not_restart_is_told_as_such(
    it: Cloud, cli: Cli, client: Client
) -> None:
    it.world.machines.behave = run_on
    it.world.machines.failing.add("reboot")
    (instance_id,) = it.instances()
    machine = it.world.machine(instance_id)
    invoke_id = asked(client, instance_id)
    it.do(lambda world: world.until(lambda: machine.running))
    end(it, instance_id, 194)
    it.advance(seconds=130)
    it.do(lambda world: world.machines.beat(machine))

    told = cli("result", invoke_id, "--follow")
    at_once = cli("result", invoke_id, "--json")
    it.world.machines.failing.clear()
    it.advance(seconds=5)

    assert told.returncode == 1, told.stderr
    assert "── Success exit 194" in told.stdout
    assert f"still on the same boot {machine.boot_id[:8]} at " in told.stdout
    assert "it has not restarted" in told.stdout
    (one,) = json.loads(at_once.stdout)["results"]
    assert one["powerAction"]["stillOnBootAt"]
    assert at_once.returncode == 1


def test_what_has_not_ended_is_shown_with_what_it_waits_for(
    it: Cloud, cli: Cli, client: Client
) -> None:
    away, runs = it.instances(2)
    it.world.machines.behave = run_on
    it.world.machine(away).connected = False
    order = {"Type": "RunShellScript", "CommandContent": "sleep 100", "InstanceId": [away, runs]}
    invoke_id: str = client.call("RunCommand", order)["InvokeId"]
    it.do(lambda world: world.control.agents.went(away, for_good=True))
    later = client.call("RunCommand", {**order, "RepeatMode": "EveryReboot"})["InvokeId"]
    it.do(lambda world: world.settle())

    told = cli("result", invoke_id, later)
    assert re.search(
        f"Waiting for {away}: its agent is offline, last heartbeat at .*; until ..:..:..",
        told.stderr,
    )
    assert f"Waiting for {runs}: its script runs; until " in told.stderr
    both = ", ".join(sorted([away, runs]))
    assert f"Waiting for {both}: it runs at the next start of its machine\n" in told.stderr

    in_json = {
        one["instanceId"]: one
        for one in json.loads(cli("result", "--json", invoke_id).stdout)["results"]
    }
    assert in_json[runs]["waitsFor"] == "its script runs"
    assert in_json[runs]["deadlineAt"] > in_json[away]["deadlineAt"] > "20"
    assert in_json[away]["waitsFor"].startswith("its agent is offline")
