"""`cloudhand finish`: what a person knows better."""

from __future__ import annotations

from cloudhand.cli.client import OOS, Client
from tests.api.cloud import Cloud
from tests.cli.conftest import Cli
from tests.cli.test_explain import PAUSE, run
from tests.machines import run_on

WHY = ("--why", "I looked")


def test_a_command_is_ended_on_one_machine_or_on_all(it: Cloud, cli: Cli, client: Client) -> None:
    it.world.machines.behave = run_on
    first, second, third = it.instances(3, instance_name="web-[1,1]")
    invoke_id = run(client, first, second, third)
    it.advance(milliseconds=10)

    one = cli("finish", invoke_id, "--as", "Failed", *WHY, "--on", "web-2")
    assert (one.returncode, one.stdout) == (0, f"{invoke_id} on web-2 {second} Failed\n")

    asks = cli("finish", invoke_id, "--as", "Success", *WHY)
    assert asks.returncode == 2
    assert "this ends it as Success on 2 machines, and nobody is here to be asked" in asks.stderr

    rest = cli("finish", invoke_id, "--as", "Success", *WHY, "--yes")
    assert sorted(rest.stdout.splitlines()) == [
        f"{invoke_id} on web-1 {first} Success",
        f"{invoke_id} on web-3 {third} Success",
    ]
    told = cli("result", invoke_id).stdout.splitlines()
    assert sum("said so: I looked" in line for line in told) == 2
    again = cli("finish", invoke_id, "--as", "Success", *WHY)
    assert (again.returncode, "It has ended" in again.stderr) == (3, True)
    said = cli("explain", invoke_id, "--on", "web-2").stdout
    assert "said so: I looked" in " ".join(said.split())


def test_an_execution_and_an_instance_are_ended(it: Cloud, cli: Cli, client: Client) -> None:
    order = {"TemplateContent": PAUSE}
    started = client.call("StartExecution", order, version=OOS)["Execution"]["ExecutionId"]
    it.advance(milliseconds=10)
    ended = cli("finish", started, "--as", "Cancelled", *WHY)
    assert (ended.returncode, ended.stdout) == (0, f"{started} Cancelled\n")

    (instance_id,) = it.instances(1, instance_name="web-1")
    asks = cli("finish", "web-1", "--as", "Released", *WHY)
    assert (asks.returncode, "this gives up web-1" in asks.stderr) == (2, True)
    gone = cli("finish", "web-1", "--as", "Released", *WHY, "--yes")
    assert (gone.returncode, gone.stdout) == (0, f"web-1 {instance_id} Released\n")


def test_what_cannot_be_meant_is_one_sentence(it: Cloud, cli: Cli) -> None:
    it.instances(1, instance_name="web-1")
    for words, told in (
        (["t-none", "--as", "Failed"], "cannot find t-none"),
        (["exec-none", "--as", "Failed"], "cannot find exec-none"),
        (
            ["web-1", "--as", "Stopped"],
            "an instance can be finished as Released, and",
        ),
        (["nobody", "--as", "Released", "--yes"], "cannot find nobody"),
        (["exec-none", "--as", "Failed", "--on", "web-1"], "--on says on which machine"),
    ):
        refused = cli("finish", *words, *WHY)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert refused.stderr.startswith(f"cloudhand: {told}")
