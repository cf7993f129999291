"""`cloudhand run` as a process, against a control plane over HTTP."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from cloudhand.cli.client import OOS, Client
from cloudhand.wire import agent as wire
from cloudhand.wire.agent import COMPATIBLE_VERSION
from tests.api.cloud import Cloud
from tests.cli.beside import Start
from tests.cli.conftest import Cli
from tests.cli.test_power import time_passes
from tests.machines import Machine, exit_with, finish
from tests.world import World


def test_equal_outputs_are_told_once_with_their_count(it: Cloud, cli: Cli) -> None:
    ids = it.instances(3)

    told = cli("run", "--all", "--yes", "--", "echo", "helloworld")

    assert told.returncode == 0, told.stderr
    assert told.stdout.count("helloworld\n") == 1
    assert "── 3 x Success exit 0" in told.stdout
    assert all(instance_id in told.stdout for instance_id in ids)


def test_what_happens_is_told_beside_the_result_and_the_result_alone_is_the_output(
    it: Cloud, cli: Cli
) -> None:
    (instance_id,) = it.instances()

    told = cli("run", "--", "true")

    assert re.match(r"t-\w+ runs on 1 machine\n", told.stderr)
    assert f"{instance_id} Success exit 0\n" in told.stderr
    assert told.stdout == f"── Success exit 0  {instance_id}\nhelloworld\n"


def test_what_did_not_succeed_makes_the_exit_code_1_and_can_be_run_again(
    it: Cloud, cli: Cli
) -> None:
    good, bad = it.instances(2)
    scripts: list[str] = []

    def behave(machine: Machine, task: wire.Task) -> wire.Report:
        scripts.append(f"{machine.instance_id} {task.content.decode()}")
        return finish(task, 3 if machine.instance_id == bad else 0, b"")

    it.world.machines.behave = behave
    told = cli("run", "--on", good, "--on", bad, "--", "false")
    assert told.returncode == 1
    assert f"{bad} Failed exit 3" in told.stderr
    advice = re.search(r"--rerun-failed (t-\S+)", told.stderr)
    assert advice

    scripts.clear()
    again = cli("run", "--rerun-failed", advice.group(1))

    assert again.returncode == 1
    assert scripts == [f"{bad} false"]


def test_json_is_one_document(it: Cloud, cli: Cli) -> None:
    (instance_id,) = it.instances()

    told = cli("run", "--json", "--", "echo helloworld")

    document = json.loads(told.stdout)
    (result,) = document["results"]
    assert result["instanceId"] == instance_id
    assert result["output"] == "helloworld\n"
    assert result["exitCode"] == 0
    assert document["invokeIds"] == [result["invokeId"]]


def test_a_restart_is_told_with_both_boot_ids(it: Cloud, cli: Cli) -> None:
    (instance_id,) = it.instances()
    it.world.machines.behave = exit_with(194, b"bye\n")

    told = cli("run", "--yes", "--", "echo bye; exit 194")

    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith("── Success exit 194 ")
    assert told.stdout.count(f"{instance_id} restarted: boot boot-i-") == 1
    assert "restarted" not in told.stderr


def test_the_script_comes_from_a_file_or_from_the_input(
    it: Cloud, cli: Cli, tmp_path_factory: pytest.TempPathFactory
) -> None:
    it.instances()
    seen: list[str] = []

    def behave(machine: Machine, task: wire.Task) -> wire.Report:
        seen.append(task.content.decode())
        return finish(task, 0, b"")

    it.world.machines.behave = behave
    file = tmp_path_factory.mktemp("scripts") / "it.sh"
    file.write_text("echo from the file\n")

    assert cli("run", "--file", str(file)).returncode == 0
    assert cli("run", "--file", "-", given="echo from the input\n").returncode == 0
    assert seen == ["echo from the file\n", "echo from the input\n"]


def test_a_dry_run_names_who_would_be_hit_and_runs_nothing(it: Cloud, cli: Cli) -> None:
    ids = it.instances(2)

    told = cli("run", "--all", "--dry-run", "--", "exit 193")

    assert told.returncode == 0
    assert sorted(line.split("\t")[0] for line in told.stdout.splitlines()) == sorted(ids)
    assert "on 2 machines, and `exit 193` stops 2 machines. Nothing was run." in told.stderr
    assert not any(it.world.machine(instance_id).ever_started for instance_id in ids)


@pytest.mark.parametrize(
    "words",
    [
        ("run", "--all", "--", "true"),
        ("run", "--", "exit 193"),
        ("run", "--", "echo; exit  3010"),
        ("run", "--", "echo; reboot"),
    ],
)
def test_without_a_terminal_what_is_grave_needs_yes(
    it: Cloud, cli: Cli, words: tuple[str, ...]
) -> None:
    (instance_id,) = it.instances()

    told = cli(*words)

    assert told.returncode == 2
    assert "--yes" in told.stderr
    assert told.stderr.count("\n") == 1
    assert not it.world.machine(instance_id).ever_started


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("run",), "give a script"),
        (("run", "--file", "/nowhere", "--", "true"), "not both"),
        (("run", "--file", "/nowhere"), "cannot read /nowhere"),
        (("run", "--", ""), "the script is empty"),
        (("run", "--workdir", "tmp", "--", "true"), "name the whole path"),
        (("run", "--type", "RunBashScript", "--", "true"), "RunBatScript or RunPowerShellScript"),
        (("run", "--on", "i-nowhere", "--", "true"), "cannot find i-nowhere"),
        (("run", "--tag", "env", "--", "true"), "cannot read --tag env"),
        (("run", "--tag", "env=prod", "--", "true"), "no machine that runs is tagged env=prod"),
        (("run", "--param", "who", "--", "true"), "cannot read --param who"),
        (("run", "--fill", "--", "rm -r /{{ dir }}"), "for which nothing is given: --param dir="),
        (("run", "--all", "--on", "i-1", "--", "true"), "one of --on"),
        (("run", "--", "true"), "2 machines run"),
        (("run", "--rerun-failed", "t-nowhere"), "cannot find t-nowhere"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(
    it: Cloud, cli: Cli, words: tuple[str, ...], says: str
) -> None:
    it.instances(2)

    told = cli(*words)

    assert told.returncode == 2
    assert says in told.stderr
    assert "Traceback" not in told.stderr


def test_what_the_control_plane_refuses_is_exit_code_3_and_names_the_reason(
    it: Cloud, cli: Cli
) -> None:
    (instance_id,) = it.instances()

    told = cli("run", "--type", "RunBatScript", "--", "dir")

    assert told.returncode == 3
    assert told.stderr.startswith("cloudhand: InvalidInstance.NotMatch: ")
    reason = f"(cannot run RunBatScript on {instance_id}: it is a Linux machine)"
    assert told.stderr.endswith(f"{reason}\n")


def test_who_is_left_out_of_all_is_named(it: Cloud, cli: Cli) -> None:
    (up,) = it.instances(1)
    (down,) = it.instances(1, instance_name="down")
    it.do(lambda world: world.control.instances.stop([down], force=True, together=True))
    it.advance(seconds=5)

    told = cli("run", "--all", "--dry-run", "--", "true")

    assert told.stdout.split("\t")[0] == up
    assert told.stderr.startswith(f"Left out: down {down} is Stopped\n")


def test_a_tag_chooses_machines_that_carry_it(it: Cloud, cli: Cli) -> None:
    it.instances(1)
    (wanted,) = it.instances(1, tags={"env": "prod"})

    told = cli("run", "--tag", "env=prod", "--dry-run", "--", "true")

    assert told.stdout.split("\t")[0] == wanted


def test_instances_lists_what_there_is(it: Cloud, cli: Cli) -> None:
    (instance_id,) = it.instances(1, tags={"env": "prod"})

    lines = cli("instances")
    document = cli("instances", "--json")

    assert [line.split("\t") for line in lines.stdout.splitlines()] == [
        ["instance", "name", "status", "agent", "version", "boot", "tags"],
        [
            instance_id,
            instance_id,
            "Running",
            "online",
            COMPATIBLE_VERSION,
            it.world.machine(instance_id).boot_id[:8],
            "env=prod",
        ],
    ]
    (machine,) = json.loads(document.stdout)
    assert machine["instanceId"] == instance_id
    assert machine["tags"] == {"env": "prod"}


@pytest.mark.parametrize("words", [("instances",), ("exec", "--", "true")])
def test_an_absent_control_plane_is_exit_code_3(cli: Cli, words: tuple[str, ...]) -> None:
    told = cli(*words, env={"CLOUDHAND_ENDPOINT": "http://127.0.0.1:9"})

    assert told.returncode == 3
    assert "cannot reach the control plane at http://127.0.0.1:9" in told.stderr
    assert told.stderr.count("\n") == 1


def test_without_any_control_plane_the_next_step_is_told(cli: Cli) -> None:
    told = cli("instances", env={"CLOUDHAND_ENDPOINT": ""})

    assert told.returncode == 3
    assert "cloudhand up" in told.stderr


def test_no_instances_are_told_with_what_makes_some(it: Cloud, cli: Cli) -> None:
    told = cli("instances")
    assert told.returncode == 0
    assert "No instances" in told.stderr
    assert "cloudhand agent register" in told.stderr


def test_machines_are_told_by_their_names_in_their_order(it: Cloud, cli: Cli) -> None:
    it.instances(11, instance_name="box-[9,1]")

    names = [line.split("\t")[1] for line in cli("instances").stdout.splitlines()[1:]]
    told = cli("run", "--on", "box-10", "--on", "box-9", "--", "true")

    assert names == [f"box-{number}" for number in range(9, 20)]
    assert re.search(r"2 x Success exit 0  box-9 i-\w+, box-10 i-\w+\n", told.stdout)


def test_a_script_that_was_asked_for_is_looked_at_before_any_control_plane(cli: Cli) -> None:
    told = cli("run", env={"CLOUDHAND_ENDPOINT": ""})
    assert told.returncode == 2
    assert "give a script" in told.stderr


def test_a_script_from_the_input_leaves_nobody_to_be_asked(it: Cloud, cli: Cli) -> None:
    it.instances()
    told = cli("run", "--file", "-", given="exit 193\n")
    assert told.returncode == 2
    assert "the input was the script, so nobody can be asked: add --yes" in told.stderr


def test_what_succeeded_everywhere_is_not_run_again(it: Cloud, cli: Cli) -> None:
    it.instances()
    first = json.loads(cli("run", "--json", "--", "true").stdout)["invokeIds"][0]

    told = cli("run", "--rerun-failed", first)

    assert told.returncode == 2
    assert f"{first} succeeded on 1 machine: nothing to run again" in told.stderr


def test_where_it_failed_may_be_gone(it: Cloud, cli: Cli, client: Client) -> None:
    gone, _ = it.instances(2)
    it.world.machines.behave = exit_with(3)
    first = json.loads(cli("run", "--json", "--on", gone, "--", "false").stdout)["invokeIds"][0]
    client.call("DeleteInstances", {"InstanceId": [gone], "Force": "true"})

    told = cli("run", "--rerun-failed", first)

    assert told.returncode == 2
    assert f"failed on {gone}, of which none is left" in told.stderr


def test_the_advice_asks_the_same_control_plane(it: Cloud, cli: Cli) -> None:
    it.instances()
    it.world.machines.behave = exit_with(3)
    url = f"http://{it.endpoint}"

    told = cli("run", "--endpoint", url, "--", "false")

    assert re.search(rf"--rerun-failed t-\w+ --endpoint {url}\n", told.stderr)


def test_a_script_that_restarts_its_machine_is_told_what_it_did(it: Cloud, cli: Cli) -> None:
    (instance_id,) = it.instances()

    def behave(machine: Machine, task: wire.Task) -> None:
        machine.running[task.task_id] = task
        it.world.machines.restart(machine.instance_id)

    it.world.machines.behave = behave
    told = cli("run", "--yes", "--", "echo; reboot")

    assert told.returncode == 1
    assert f"{instance_id} the machine restarted while the script ran: boot boot-" in told.stdout
    assert "ends with `exit 194` instead of `reboot` loses nothing" in told.stderr
    assert "--rerun-failed" not in told.stderr


def test_a_script_that_ends_before_what_it_asked_for_is_told_what_would_be_waited_for(
    it: Cloud, cli: Cli
) -> None:
    it.instances()
    told = cli("run", "--yes", "--", "shutdown -h now")
    assert told.returncode == 0
    assert "what `shutdown -h now` does; end the script with `exit 193`.\n" in told.stderr


def test_a_script_that_powers_its_machine_off_is_told_how_to_do_it_and_to_start_it_again(
    it: Cloud, cli: Cli
) -> None:
    (instance_id,) = it.instances()

    def behave(machine: Machine, task: wire.Task) -> None:
        machine.running[task.task_id] = task
        it.world.machines.power_off(machine.instance_id)

    it.world.machines.behave = behave
    with time_passes(it):
        told = cli("run", "--yes", "--", "echo; poweroff")

    assert told.returncode == 1
    assert f"{instance_id} the machine stopped while the script ran: boot boot-" in told.stdout
    assert "ends with `exit 193` instead of `poweroff` loses nothing" in told.stderr
    assert f"`cloudhand start {instance_id}` starts what is stopped" in told.stderr


def test_a_refused_order_is_not_offered_once_more(it: Cloud, cli: Cli) -> None:
    it.instances()

    def behave(machine: Machine, task: wire.Task) -> wire.Report:
        return wire.Report(
            kind=wire.INVALID, task_id=task.task_id, param="UsernameOrPasswordInvalid", value="it"
        )

    it.world.machines.behave = behave
    told = cli("run", "--user", "it", "--", "true")

    assert told.returncode == 1
    assert "AccountNotExists" in told.stdout
    assert "--rerun-failed" not in told.stderr


def test_a_timeout_is_told_without_the_exit_code_of_what_was_killed(it: Cloud, cli: Cli) -> None:
    it.instances()

    def behave(machine: Machine, task: wire.Task) -> wire.Report:
        return wire.Report(kind=wire.TIMEOUT, task_id=task.task_id, start=1, end=2, exit_code=1)

    it.world.machines.behave = behave
    told = cli("run", "--", "sleep 100")

    assert "── Timeout ExecutionTimeout: " in told.stdout
    assert "exit 1" not in told.stdout


def test_a_machine_that_is_away_is_waited_for(it: Cloud, cli: Cli, start: Start) -> None:
    (instance_id,) = it.instances()
    it.world.machine(instance_id).connected = False
    it.do(lambda world: world.control.agents.went(instance_id, for_good=True))

    run = start("run", "--wait-online", "12h", "--on", instance_id, "--", "true")
    told = run.until(rf"Waiting for {instance_id}: its agent is offline.*; until (.*) UTC at most")

    async def back(world: World) -> None:
        world.machine(instance_id).connected = True
        world.machines.start_agent(world.machine(instance_id))
        await world.settle()

    it.do(back)

    assert run.end()[0] == 0
    assert re.fullmatch(r"(....-..-.. )?..:..:..", told.group(1))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--wait-online", "tomorrow", "--all"), "it is like 30m, 12h or 7d"),
        (("--wait-online", "30s", "--all"), "it is from 1m to 30d"),
        (("--wait-online", "5w", "--all"), "it is from 1m to 30d"),
        (("--wait-online", "1h"), "name the machines that are waited for"),
        (("--wait-online", "1h", "--all", "--at-a-time", "1"), "neither with --at-a-time nor"),
    ],
)
def test_what_cannot_be_waited_for_is_told(
    it: Cloud, cli: Cli, words: tuple[str, ...], says: str
) -> None:
    it.instances()
    told = cli("run", *words, "--", "true")
    assert (told.returncode, told.stderr.count("\n")) == (2, 1)
    assert says in told.stderr


@pytest.fixture
def scripts(it: Cloud) -> list[str]:
    """What machines were given, which fail."""
    given: list[str] = []

    def behave(machine: Machine, task: wire.Task) -> wire.Report:
        given.append(task.content.decode())
        return finish(task, 3, b"")

    it.world.machines.behave = behave
    return given


@pytest.fixture
def word(client: Client) -> Iterator[str]:
    """The name of a secret, which is swordfish."""
    client.call("CreateSecretParameter", {"Name": "word", "Value": "swordfish"}, version=OOS)
    yield "word"
    client.call("DeleteSecretParameter", {"Name": "word"}, version=OOS)


@pytest.mark.parametrize("at_a_rate", [(), ("--at-a-time", "1")], ids=["at once", "at a rate"])
def test_braces_are_filled_in_if_one_says_so(
    it: Cloud, cli: Cli, word: str, scripts: list[str], at_a_rate: tuple[str, ...]
) -> None:
    it.instances()
    script, filled = f"echo {{{{who}}}} {{{{oos-secret:{word}}}}}", "echo me swordfish"

    plain = cli("run", *at_a_rate, "--", script)
    assert (plain.returncode, scripts.pop()) == (1, script)
    assert "{{oos-secret:word}} is only text: --fill fills it in" in plain.stderr
    told = cli("run", *at_a_rate, "--param", "who=me", "--", script)
    assert (told.returncode, scripts.pop()) == (1, filled)
    stored = script.replace("{{who}}", "me")
    without = cli("run", *at_a_rate, "--fill", "--", stored)
    assert (without.returncode, scripts.pop()) == (1, filled)

    # A rerun fills in what was filled in, and only that.
    for first, given in ((plain, script), (told, filled), (without, filled)):
        advice = re.search(r"--rerun-failed (\S+)", first.stderr)
        assert advice
        cli("run", "--rerun-failed", advice.group(1))
        assert scripts.pop() == given
