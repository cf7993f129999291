"""`cloudhand run` on a few machines at a time, and at certain times."""

from __future__ import annotations

import json
import re
import signal
from functools import partial

import pytest

from cloudhand.cli.client import OOS, Client
from cloudhand.core.ids import InstanceId
from cloudhand.wire import agent as wire
from tests.api.cloud import Cloud
from tests.cli.beside import Start
from tests.cli.conftest import Cli
from tests.cli.terminals import Open
from tests.cli.test_result import end
from tests.machines import Behaviour, Machine, exit_with, finish, run_on
from tests.world import World

pytestmark = pytest.mark.drawn


def fails_on(*bad: str) -> Behaviour:
    def behave(machine: Machine, task: wire.Task) -> wire.Report:
        code = 3 if machine.instance_id in bad else 0
        return finish(task, code, f"this is {machine.instance_id}\n".encode())

    return behave


def started(it: Cloud, ids: list[InstanceId]) -> list[InstanceId]:
    """Where scripts were started at all."""
    return [one for one in ids if it.world.machine(one).ever_started]


@pytest.fixture
def fleet(it: Cloud) -> list[InstanceId]:
    """Four machines, in the order in which they are run on."""
    return it.instances(4, instance_name="box-[1,1]")


def test_output_exit_code_and_machine_are_told_as_of_any_run(
    it: Cloud, cli: Cli, fleet: list[InstanceId]
) -> None:
    it.world.machines.behave = fails_on()

    told = cli("run", "--all", "--yes", "--at-a-time", "2", "--", "hostname")

    assert told.returncode == 0, told.stderr
    for one in fleet:
        assert f"{one}\nthis is {one}\n" in told.stdout
    assert told.stdout.count("── Success exit 0") == 4
    assert re.match(r"exec-\w+ runs on 4 machines, 2 at a time\n", told.stderr)
    assert f"box-1 {fleet[0]} Success exit 0\n" in told.stderr


def test_no_more_are_begun_than_may_still_fail(
    it: Cloud, cli: Cli, fleet: list[InstanceId]
) -> None:
    it.world.machines.behave = fails_on(fleet[1])

    told = cli("run", "--all", "--yes", "--at-a-time", "1", "--", "true")

    assert told.returncode == 1
    assert started(it, fleet) == fleet[:2]
    assert "── Failed exit 3  box-2" in told.stdout
    assert "── 2 x Skipped its turn did not come  box-3" in told.stdout
    assert re.search(r"exec-\w+ Failed: .*1 of 4 items failed, and at most 0 may\n", told.stderr)


def test_failures_that_are_borne_do_not_stop_it(
    it: Cloud, cli: Cli, fleet: list[InstanceId]
) -> None:
    it.world.machines.behave = fails_on(fleet[1])

    told = cli("run", "--all", "--yes", "--at-a-time", "25%", "--max-errors", "25%", "--", "true")

    assert told.returncode == 1
    assert started(it, fleet) == fleet
    assert "Skipped" not in told.stdout


def test_where_it_failed_or_was_not_run_it_is_run_once_more(
    it: Cloud, cli: Cli, fleet: list[InstanceId]
) -> None:
    it.world.machines.behave = fails_on(fleet[1])
    words = ("--at-a-time", "1", "--max-errors", "0", "--strict")
    first = cli("run", "--all", "--yes", *words, "--timeout", "77", "--", "it is this")
    advice = re.search(
        r"Once more where it failed: cloudhand (run --rerun-failed exec-\w+ .*)\n", first.stderr
    )
    assert advice
    assert advice.group(1).endswith(" --at-a-time 1 --strict")
    seen: list[tuple[str, str, int]] = []

    def behave(machine: Machine, task: wire.Task) -> wire.Report:
        seen.append((machine.instance_id, task.content.decode(), task.timeout))
        return finish(task, 0, b"")

    it.world.machines.behave = behave
    again = cli(*advice.group(1).split())

    assert again.returncode == 0, again.stderr
    assert seen == [(one, "it is this", 77) for one in fleet[1:]]
    nothing = cli("run", "--rerun-failed", again.stderr.split()[0])
    assert nothing.returncode == 2
    assert "succeeded on 3 machines: nothing to run again" in nothing.stderr


def test_never_more_run_at_a_time(it: Cloud, start: Start, fleet: list[InstanceId]) -> None:
    it.world.machines.behave = run_on
    run = start("run", "--all", "--yes", "--at-a-time", "2", "--", "sleep 100")

    for ended in range(4):
        run.until(f"box-{min(ended + 2, 4)} {fleet[min(ended + 1, 3)]} Running")
        it.do(lambda world: world.settle())
        assert started(it, fleet) == fleet[: min(ended + 2, 4)]
        end(it, fleet[ended], 0)

    assert run.end()[0] == 0


def test_strictly_no_more_run_than_may_still_fail_and_one(
    it: Cloud, start: Start, fleet: list[InstanceId]
) -> None:
    it.world.machines.behave = run_on
    words = ("--at-a-time", "4", "--max-errors", "1", "--strict")
    run = start("run", "--all", "--yes", *words, "--", "sleep 100")
    run.until(f"{fleet[1]} Running")
    it.do(lambda world: world.settle())
    assert started(it, fleet) == fleet[:2]

    end(it, fleet[0], 3)  # now none may fail
    it.do(lambda world: world.settle())
    assert started(it, fleet) == fleet[:2]
    it.world.machines.behave = fails_on()
    end(it, fleet[1], 0)

    assert run.end()[0] == 1
    assert started(it, fleet) == fleet


def test_a_machine_that_restarts_counts_until_it_is_back(
    it: Cloud, start: Start, fleet: list[InstanceId]
) -> None:
    it.world.machines.behave = run_on
    it.world.machines.failing.add("reboot")
    run = start("run", "--all", "--yes", "--at-a-time", "1", "--", "exit 194")
    run.until(f"{fleet[0]} Running")
    end(it, fleet[0], 194)
    run.until(f"{fleet[0]} Success exit 194 restarts")
    it.do(lambda world: world.settle())
    assert started(it, fleet) == fleet[:1]

    it.world.machines.failing.clear()
    it.world.machines.behave = exit_with(194)
    it.do(partial(_restarts, fleet[0]))

    code, printed = run.end()
    assert code == 0, printed
    assert all(f"{one} restarted: boot " in printed for one in fleet)


async def _restarts(instance_id: InstanceId, world: World) -> None:
    world.machines.restart(instance_id)


def test_json_names_the_execution_and_has_the_results_of_any_run(
    it: Cloud, cli: Cli, fleet: list[InstanceId]
) -> None:
    it.world.machines.behave = fails_on(fleet[0])

    told = cli("run", "--all", "--yes", "--json", "--at-a-time", "1", "--", "true")

    document = json.loads(told.stdout)
    assert told.returncode == 1
    assert document["executionId"].startswith("exec-")
    assert [one["instanceId"] for one in document["results"]] == fleet
    assert [one["status"] for one in document["results"]] == ["Failed", *["Skipped"] * 3]
    assert document["invokeIds"] == [document["results"][0]["invokeId"]]


def test_a_command_that_is_refused_is_told_with_the_reason(
    it: Cloud, cli: Cli, start: Start, client: Client, fleet: list[InstanceId]
) -> None:
    it.world.machines.behave = run_on
    run = start("run", "--all", "--yes", "--at-a-time", "1", "--max-errors", "1", "--", "sleep 9")
    run.until(f"{fleet[0]} Running")
    client.call("StopInstance", {"InstanceId": fleet[1], "ForceStop": "true"})
    it.advance(seconds=5)
    for one in (fleet[0], *fleet[2:]):
        run.until(f"{one} Running")
        end(it, one, 0)

    code, printed = run.end()
    assert code == 1
    told = re.search(rf"── Failed ChildExecutionFailed: (.*)  box-2 {fleet[1]}\n", printed)
    assert told
    assert f"cannot run a command on {fleet[1]}: it is Stopped" in told.group(1)
    assert "── 3 x Success exit 0" in printed


@pytest.mark.parametrize(("answer", "ends"), [("s\n", True), ("\n", False)])
def test_ctrl_c_asks_whether_to_stop_or_to_leave(
    it: Cloud, terminal: Open, cli: Cli, fleet: list[InstanceId], answer: str, ends: bool
) -> None:
    it.world.machines.behave = run_on

    shown = terminal("run", "--all", "--yes", "--at-a-time", "1", "--", "sleep 100")
    shown.until("Running")
    shown.process.send_signal(signal.SIGINT)
    shown.until("[s/L] ")
    shown.type(answer)

    assert shown.end() == 130
    it.do(lambda world: world.settle())
    assert bool(it.world.machine(fleet[0]).running) is not ends
    assert started(it, fleet) == fleet[:1]
    execution_id = re.search(r"exec-\w+", shown.shown)
    assert execution_id
    status = cli("template", "show", execution_id[0]).stdout.split()[4]
    assert status.rstrip(":") == ("Cancelled" if ends else "Running")
    if not ends:
        assert "--follow` shows how it ends" in shown.shown
        cli("template", "cancel", execution_id[0])


def test_a_dry_run_says_at_which_rate(it: Cloud, cli: Cli, fleet: list[InstanceId]) -> None:
    told = cli("run", "--all", "--dry-run", "--at-a-time", "50%", "--", "true")

    assert "It would run on 4 machines, 50% at a time. Nothing was run." in told.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--at-a-time", "0"), "cannot use --at-a-time 0: it is a number from 1, or a share"),
        (("--at-a-time", "101%"), "cannot use --at-a-time 101%"),
        (("--at-a-time", "all"), "cannot use --at-a-time all"),
        (("--at-a-time", "1", "--max-errors", "-1"), "cannot use --max-errors -1"),
        (("--max-errors", "1"), "--max-errors goes with --at-a-time"),
        (("--strict",), "--strict goes with --at-a-time"),
        (("--schedule", "at three"), "every day at three is '0 0 3 * * ?'"),
        (("--schedule", "0 0 3 * * ? Mars/Olympus"), "cannot use --schedule"),
        (("--schedule", "0 0 3 1 1 ? 1999"), "that time does not come any more"),
        (("--rerun-failed", "exec-nowhere"), "exec-nowhere did not run a script at a rate"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(
    it: Cloud, cli: Cli, words: tuple[str, ...], says: str
) -> None:
    it.instances()

    told = cli("run", *words, "--", "true")

    assert told.returncode == 2
    assert says in told.stderr
    assert told.stderr.count("\n") == 1


def test_two_kinds_of_machines_are_not_run_on_together(it: Cloud, cli: Cli, client: Client) -> None:
    (instance_id,) = it.instances()
    made = client.call("CreateActivation", {"InstanceCount": 1})
    joined = it.join(made["ActivationId"], made["ActivationCode"])

    told = cli("run", "--on", instance_id, "--on", joined, "--at-a-time", "1", "--", "true")
    client.call("DeregisterManagedInstance", {"InstanceId": joined})

    assert told.returncode == 2
    assert "name those of one kind" in told.stderr


# At certain times


@pytest.mark.parametrize(
    ("words", "targets"),
    [
        (("--tag", "env=prod"), {"Type": "Tags", "Tags": [{"Key": "env", "Value": "prod"}]}),
        (("--all", "--yes"), {"Type": "All"}),
    ],
)
def test_a_schedule_runs_it_at_its_times_on_who_is_meant_then(
    it: Cloud, cli: Cli, client: Client, words: tuple[str, ...], targets: dict[str, object]
) -> None:
    (first,) = it.instances(1, tags={"env": "prod"})

    told = cli("run", *words, "--schedule", "0 0 3 ? * MON-FRI Asia/Shanghai", "--", "true")

    execution_id = told.stdout.strip()
    assert told.returncode == 0, told.stderr
    assert re.fullmatch(
        r"It runs on 1 machine as of now, next at \S+T19:00:00Z: `cloudhand template show"
        rf" {execution_id}` shows what came of it, `cloudhand template cancel {execution_id}`"
        r" ends it\n",
        told.stderr,
    )
    found = client.call("ListExecutions", {"ExecutionId": execution_id}, version=OOS)
    assert found["Executions"][0]["Parameters"]["targets"] == targets
    assert not it.world.machine(first).ever_started

    (later,) = it.instances(1, tags={"env": "prod"})
    fired = {"ExecutionId": execution_id, "Type": "Timer", "Content": "{}"}
    client.call("TriggerExecution", fired, version=OOS)
    it.do(lambda world: world.settle())
    it.advance(seconds=2)
    assert started(it, [first, later]) == [first, later]
    ended = cli("template", "cancel", execution_id)
    assert ended.returncode == 0
    assert " Cancelled" in ended.stdout.splitlines()[0]


def test_a_schedule_is_told_in_json(it: Cloud, cli: Cli) -> None:
    it.instances()

    told = cli("run", "--json", "--schedule", "0 0 3 * * ?", "--", "true")

    document = json.loads(told.stdout)
    assert document["next"].endswith("T03:00:00Z")
    assert cli("template", "cancel", document["executionId"]).returncode == 0
