"""What people see of a machine that refuses by rules of its own."""

from __future__ import annotations

import json
from dataclasses import replace

from cloudhand.wire import agent as wire
from tests.api.cloud import Cloud
from tests.cli.conftest import Cli
from tests.machines import Machine, finish

RULE = "/etc/cloudhand/agent.toml, line 4: power = false"
TO_RESTART = f"the machine refuses to restart: {RULE}"
OF_USERS = '/etc/cloudhand/agent.toml, line 2: users.deny = ["root"]'
AS_ROOT = f"the machine refuses commands as root: {OF_USERS}"


def stays(machine: Machine, task: wire.Task) -> wire.Report:
    return replace(finish(task, 194, b"bye\n"), power="", refusal=TO_RESTART)


def refuses(machine: Machine, task: wire.Task) -> wire.Report:
    return wire.Report(
        kind=wire.INVALID, task_id=task.task_id, param="RefusedByMachine", value=AS_ROOT
    )


def test_a_command_that_is_refused(it: Cloud, cli: Cli) -> None:
    it.world.machines.behave = refuses
    (instance_id,) = it.instances()
    told = cli("run", "--on", instance_id, "--", "true")
    assert told.returncode == 1
    assert f"── Invalid RefusedByMachine: {AS_ROOT}  " in told.stdout
    assert "--rerun-failed" not in told.stderr


def test_a_restart_that_is_refused_is_waited_for_by_nobody(it: Cloud, cli: Cli) -> None:
    it.world.machines.behave = stays
    (instance_id,) = it.instances()
    words = ("--on", instance_id, "--yes", "--", "echo bye; exit 194")
    told = cli("run", *words)
    assert told.returncode == 1
    head, output, power = told.stdout.splitlines()
    assert head.startswith(
        f"── Failed exit 194 RefusedByMachine: exit code 194 asks for a restart; {TO_RESTART}  "
    )
    assert output == "bye"
    assert power.endswith(f"{instance_id} does not restart")
    assert "Waiting for" not in told.stderr
    assert "--rerun-failed" not in told.stderr
    (result,) = json.loads(cli("run", *words[:3], "--json", *words[3:]).stdout)["results"]
    assert result["errorCode"] == "RefusedByMachine"
    assert result["powerAction"]["status"] == "Refused"


def test_a_restart_in_turns_ends_at_the_one_that_refuses(it: Cloud, cli: Cli) -> None:
    it.world.machines.behave = stays
    ids = it.instances(2)
    told = cli("run", "--at-a-time", "1", "--all", "--yes", "--", "exit 194")
    assert told.returncode == 1
    assert TO_RESTART in told.stdout
    assert {it.world.machine(one).boots for one in ids} == {1}
