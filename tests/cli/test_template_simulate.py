"""`cloudhand template simulate`: how far a failure gets on a fleet that is made up."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from tests.cli.offline import Offline

pytestmark = pytest.mark.drawn

TEMPLATE = """\
FormatVersion: OOS-2019-06-01
Parameters:
  targets: {Type: Json}
  rateControl: {Type: Json}
Tasks:
  - Name: getInstance
    Action: ACS::SelectTargets
    Properties: {ResourceType: ALIYUN::ECS::Instance, Filters: ['{{ targets }}']}
    Outputs:
      ids: {Type: List, ValueSelector: 'Instances.Instance[].InstanceId'}
  - Name: upgrade
    Action: ACS::ECS::RunCommand
    Properties:
      commandType: RunShellScript
      commandContent: apt-get -y upgrade
      instanceId: '{{ ACS::TaskLoopItem }}'
    Loop: {Items: '{{ getInstance.ids }}', RateControl: '{{ rateControl }}'}
  - Name: reboot
    Action: ACS::ECS::RebootInstance
    Properties: {instanceId: '{{ ACS::TaskLoopItem }}'}
    Loop: {Items: '{{ getInstance.ids }}', RateControl: '{{ rateControl }}'}
"""
AT_ONCE = 'rateControl={"Concurrency": "100%", "MaxErrors": "100%"}'


@pytest.fixture
def file(offline: Offline) -> str:
    return offline.write("it.yml", TEMPLATE)


def test_a_fleet_may_be_larger_than_a_loop_of_a_control_plane(offline: Offline, file: str) -> None:
    told = offline("template", "simulate", file, "--fleet", "1100", "--param", AT_ONCE)

    assert told.returncode == 0, told.stdout
    assert told.stdout.startswith("Success after 3m\n")
    assert "1100 items: 1100 Success\n" in told.stdout
    assert told.stdout.endswith(
        "Of 1100 machines 1100 were touched, 0 failed, and 0 were left as they were.\n"
    )


def test_where_it_stops_the_rest_is_left_as_it_was(offline: Offline, file: str) -> None:
    rate = 'rateControl={"Mode": "Batch", "Batch": [1, "10%"], "MaxErrors": 2}'

    told = offline(
        "template", "simulate", file, "--json", "--fleet", "300", "--fail", "10%",
        "--takes", "10s", "--param", rate,
    )  # fmt: skip

    found = json.loads(told.stdout)
    upgrade = found["tasks"][1]
    assert told.returncode == 1
    assert found["execution"] == "Failed"
    assert found["message"].startswith("task upgrade failed: TooManyErrors: ")
    assert found["touched"] + found["left"] == 300
    assert 0 < found["left"] < 300
    assert found["failed"] == sum(batch.get("Failed", 0) for batch in upgrade["batches"]) > 2
    assert [batch["items"] for batch in upgrade["batches"][:3]] == [1, 30, 30]


def test_what_does_not_boot_stays_down(offline: Offline, file: str) -> None:
    told = offline(
        "template", "simulate", file, "--fleet", "100", "--fail-boot", "5%", "--param", AT_ONCE,
        "--seed", "7",
    )  # fmt: skip

    assert told.returncode == 0
    assert "100 items: 100 Success\n" in told.stdout
    failed = re.search(r"100 items: \d+ Success, (\d+) Failed\n", told.stdout)
    assert failed
    assert f" {failed[1]} failed, {failed[1]} stay down, and 0 were left" in told.stdout


def test_the_same_seed_gives_the_same_history_to_the_byte(offline: Offline, file: str) -> None:
    def history(seed: str) -> bytes:
        words = ("--fleet", "90", "--fail", "3%", "--fail-boot", "1%", "--seed", seed)
        rate = 'rateControl={"Concurrency": 20, "MaxErrors": "100%"}'
        offline("template", "simulate", file, *words, "--param", rate, "--history", "moves")
        return (offline.folder / "moves").read_bytes()

    once, again, other = history("7"), history("7"), history("8")

    assert once == again
    assert once != other
    assert once.count(b" begun ") == 90 * 2 + 3 + 1  # items, tasks, and the execution
    assert once.splitlines()[-1].endswith(b" Running succeeded Success")


def test_a_person_is_taken_to_say_yes(offline: Offline) -> None:
    pauses = """\
  - Name: ask
    Action: ACS::Approve
    Properties: {Approvers: [ann, ben], MinRequiredApprovals: 2}
  - Name: wait
    Action: ACS::Pause
"""
    text = TEMPLATE.replace("  - Name: upgrade\n", f"{pauses}  - Name: upgrade\n")
    rate = 'rateControl={"Mode": "Batch", "Batch": [5], "BatchPauseOption": "FirstBatchPause"}'

    told = offline(
        "template", "simulate", offline.write("asks.yml", text), "--fleet", "20", "--param", rate
    )

    assert told.returncode == 0, told.stdout
    assert told.stdout.endswith("A person was waited for 4 times, and said yes at once.\n")


@pytest.mark.parametrize(
    "trigger",
    [
        "TimerTrigger\n    Properties: {Type: cron, Expression: '0 0 3 ? * MON-FRI'}",
        "EventTrigger\n    Properties: {Product: ecs, Name: [it]}",
    ],
)
def test_of_a_trigger_one_firing_is_played(offline: Offline, trigger: str) -> None:
    text = TEMPLATE.replace("Tasks:\n", f"Tasks:\n  - Name: when\n    Action: ACS::{trigger}\n")

    told = offline(
        "template", "simulate", offline.write("timed.yml", text), "--fleet", "5", "--param", AT_ONCE
    )

    assert told.returncode == 0, told.stdout
    assert "+0s  when Success\n" in told.stdout
    assert "5 items: 5 Success\n" in told.stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--fail", "3"), "cannot use --fail 3: it is a share like 3%"),
        (("--fail-boot", "101%"), "cannot use --fail-boot 101%"),
        (("--takes", "9s..3s"), "cannot use --takes 9s..3s"),
        (("--takes", "soon"), "cannot use --takes soon"),
        (("--param", "rateContrl={}"), "no parameter rateContrl; do you mean rateControl?"),
        (("--param", "rateControl={"), "cannot read --param rateControl: it is a Json"),
        (("--param", "it"), "cannot read --param it: it is KEY=VALUE"),
        (("--params", "it.yml"), "it is no JSON"),
        ((), "Parameters.rateControl: it has no default, and no value is given"),
        (("--history", "no/where", "--param", "rateControl={}"), "cannot write no/where"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(
    offline: Offline, file: str, words: tuple[str, ...], says: str
) -> None:
    told = offline("template", "simulate", file, "--fleet", "2", *words)

    assert told.returncode == 2
    assert says in told.stderr
    assert told.stderr.count("\n") == 1


def test_parameters_come_from_a_file_and_what_is_named_goes_before_it(
    offline: Offline, file: str
) -> None:
    offline.write("given.json", '{"RATECONTROL": {"Concurrency": 1}}')
    fast = ("--param", AT_ONCE)

    words = ("--fleet", "3", "--takes", "30s", "--params", "given.json")
    slow = offline("template", "simulate", file, *words)
    both = offline("template", "simulate", file, *words, *fast)

    def took(told: subprocess.CompletedProcess[str]) -> str:
        return told.stdout.splitlines()[0]

    assert took(slow) == "Success after 3m"
    assert took(both) == "Success after 1m"
