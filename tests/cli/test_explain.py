"""`cloudhand explain`: what something waits for, in words."""

from __future__ import annotations

import json

from cloudhand.cli.client import OOS, Client
from cloudhand.core.ids import InstanceId
from tests.api.cloud import Cloud
from tests.cli.conftest import Cli
from tests.machines import run_on

PAUSE = "{FormatVersion: OOS-2019-06-01, Tasks: [{Name: pause, Action: 'ACS::Pause'}]}"


def run(client: Client, *ids: InstanceId) -> str:
    order = {"Type": "RunShellScript", "CommandContent": "sleep 1d", "InstanceId": ids}
    invoke_id: str = client.call("RunCommand", order)["InvokeId"]
    return invoke_id


def test_it_says_what_each_machine_waits_for_and_names_those_alike_once(
    it: Cloud, cli: Cli, client: Client
) -> None:
    it.world.machines.behave = run_on
    ids = it.instances(3, instance_name="web-[1,1]")
    it.world.machine(ids[2]).connected = False
    invoke_id = run(client, *ids)
    it.advance(milliseconds=10)

    lines = cli("explain", invoke_id).stdout.splitlines()

    assert lines[0] == f"{invoke_id}: Pending"
    assert lines[1].startswith("  why          3 of its 3 machines are not done, since ")
    heads = [line.strip() for line in lines if line.startswith(f"  {invoke_id} on ")]
    assert heads == [
        f"{invoke_id} on web-3 {ids[2]}: Pending",
        f"{invoke_id} on web-1 {ids[0]}, web-2 {ids[1]}: Running",
    ]
    said = " ".join(" ".join(lines).split())
    assert "has not fetched it" in said
    assert "it ends as Aborted with DeliveryTimeout" in said
    assert "you can on web-3: `cloudhand-agent doctor`, which says what is in the way" in said
    assert "its timeout of 60 s is over, and its agent ends it with all that it started" in said
    assert f"cloudhand stop-run {invoke_id}" in said


def test_one_machine_of_many_and_a_machine_by_its_name(it: Cloud, cli: Cli, client: Client) -> None:
    first, second = it.instances(2, instance_name="web-[1,1]")
    invoke_id = run(client, first, second)
    it.advance(milliseconds=10)
    alone = cli("explain", invoke_id, "--on", "web-2").stdout
    assert alone.startswith(f"{invoke_id} on web-2 {second}: Success\n  how it ended it ended with")
    machine = cli("explain", "web-1").stdout.splitlines()
    assert machine[0] == f"web-1 {first}: Running"
    assert machine[1].startswith("  why          it runs, and its agent is online")


def test_what_an_execution_waits_for_is_said_with_what_to_type(
    it: Cloud, cli: Cli, client: Client
) -> None:
    order = {"TemplateContent": PAUSE}
    started = client.call("StartExecution", order, version=OOS)["Execution"]["ExecutionId"]
    it.advance(milliseconds=10)
    said = " ".join(cli("explain", started).stdout.split())
    assert f"pause {started}.t0001: Waiting why it waits to be let on" in said
    assert "next move you" in said
    assert f"cloudhand template approve {started}" in said


def test_it_is_one_document_if_one_wants(it: Cloud, cli: Cli) -> None:
    (instance_id,) = it.instances()
    (told,) = json.loads(cli("explain", instance_id, "--json").stdout)
    assert (told["kind"], told["id"], told["cause"]) == ("Instance", instance_id, "Nothing")
    assert {*told} >= {"because", "owner", "since", "until", "then", "facts", "depth"}


def test_what_there_is_not_is_one_sentence(it: Cloud, cli: Cli, client: Client) -> None:
    first, _ = it.instances(2, instance_name="web-[1,1]")
    invoke_id = run(client, first)
    for words, told in (
        (["t-none"], "cannot find t-none"),
        (["exec-none"], "cannot find exec-none"),
        (["nobody"], "cannot find nobody"),
        ([invoke_id, "--on", "web-2"], f"cannot find {invoke_id} on web-2"),
    ):
        refused = cli("explain", *words)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert refused.stderr == f"cloudhand: {told}\n"
