"""`cloudhand run` as a process, against a control plane over HTTP."""

from __future__ import annotations

import json
import re

import pytest

from cloudhand.wire import agent as wire
from tests.api.cloud import Cloud
from tests.cli.conftest import Cli
from tests.machines import Machine, exit_with, finish


def test_equal_outputs_are_told_once_with_their_count(it: Cloud, cli: Cli) -> None:
    ids = it.instances(3)

    told = cli("run", "--all", "--yes", "--", "echo", "helloworld")

    assert told.returncode == 0, told.stderr
    assert told.stdout.count("helloworld\n") == 1
    assert "── 3 x Success exit 0" in told.stdout
    assert all(instance_id in told.stdout for instance_id in ids)


def test_each_change_of_each_instance_is_one_line(it: Cloud, cli: Cli) -> None:
    (instance_id,) = it.instances()

    told = cli("run", "--", "true")

    assert f"{instance_id} Success exit 0\n" in told.stdout


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
    assert f"{bad} Failed exit 3" in told.stdout
    advice = re.search(r"--rerun-failed (t-\S+)", told.stdout)
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
    assert "Success exit 194" in told.stdout
    assert f"{instance_id} restarted: boot boot-i-" in told.stdout


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
    assert not any(it.world.machine(instance_id).ever_started for instance_id in ids)


@pytest.mark.parametrize(
    "words",
    [
        ("run", "--all", "--", "true"),
        ("run", "--", "exit 193"),
        ("run", "--", "echo; exit  3010"),
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
        (("run", "--on", "i-nowhere", "--", "true"), "cannot find i-nowhere"),
        (("run", "--tag", "env", "--", "true"), "cannot read the tag env"),
        (("run", "--tag", "env=prod", "--", "true"), "no machine that runs is tagged env=prod"),
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


def test_what_the_control_plane_refuses_is_exit_code_3(it: Cloud, cli: Cli) -> None:
    it.instances()

    told = cli("run", "--type", "RunBashScript", "--", "true")

    assert told.returncode == 3
    assert told.stderr.startswith("cloudhand: InvalidCmdType.NotFound")


def test_a_tag_chooses_machines_that_carry_it(it: Cloud, cli: Cli) -> None:
    it.instances(1)
    (wanted,) = it.instances(1, tags={"env": "prod"})

    told = cli("run", "--tag", "env=prod", "--dry-run", "--", "true")

    assert told.stdout.split("\t")[0] == wanted


def test_instances_lists_what_there_is(it: Cloud, cli: Cli) -> None:
    (instance_id,) = it.instances(1, tags={"env": "prod"})

    lines = cli("instances")
    document = cli("instances", "--json")

    assert lines.stdout.split("\t")[0] == instance_id
    assert "online" in lines.stdout
    (machine,) = json.loads(document.stdout)
    assert machine["tags"] == {"env": "prod"}


def test_an_absent_control_plane_is_exit_code_3(cli: Cli) -> None:
    told = cli("instances", env={"CLOUDHAND_ENDPOINT": "http://127.0.0.1:9"})

    assert told.returncode == 3
    assert "cannot reach the control plane at http://127.0.0.1:9" in told.stderr
    assert told.stderr.count("\n") == 1


def test_without_any_control_plane_the_next_step_is_told(cli: Cli) -> None:
    told = cli("instances", env={"CLOUDHAND_ENDPOINT": ""})

    assert told.returncode == 3
    assert "cloudhand up" in told.stderr
