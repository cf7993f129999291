"""What `cloudhand template` says of files, without a control plane."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree

import pytest

from tests.cli.offline import Offline

pytestmark = pytest.mark.drawn

TEMPLATE = """\
FormatVersion: OOS-2019-06-01
Parameters:
  ids: {Type: List, Default: [i-1, i-2, i-3]}
Tasks:
  - Name: upgrade
    Action: ACS::ECS::RunCommand
    OnError: rescue
    OnSuccess: ACS::END
    Properties:
      commandType: RunShellScript
      commandContent: apt-get -y upgrade
      instanceId: '{{ ACS::TaskLoopItem }}'
    Loop: {Items: '{{ ids }}', RateControl: {Mode: Concurrency, Concurrency: 2}}
  - Name: rescue
    Action: ACS::ExecuteAPI
    Properties: {Service: ECS, API: RebootInstances, Parameters: {InstanceIds: '{{ ids }}'}}
"""
WRONG = """\
FormatVersion: OOS-2019-06-01
Tasks:
  - Name: one
    Action: ACS::ExecuteApi
    Properties: {Service: ECS, API: DescribeInstances, Parameters: {InstanceId: '{{ id }}'}}
    Outputs:
      name: {ValueSelector: '.Instances['}
  - Name: two
    Action: ACS::Slep
"""
REHEARSAL = """\
script:
  upgrade: {takes: 10s}
  upgrade[i-2]: {fails: ExitCodeNonzero, takes: 3s}
  rescue: {answers: {}}
expect: {execution: Failed, states: {rescue: Success, 'upgrade[i-3]': Skipped}, took: 10s}
"""


# validate


def test_each_problem_is_a_line_with_its_place(offline: Offline) -> None:
    told = offline("template", "validate", offline.write("it.yml", WRONG))

    assert told.returncode == 1
    assert re.fullmatch(
        r"it\.yml:5: Tasks\[0\]\.Properties\.Parameters: there is no parameter id\n"
        r"it\.yml:9: Tasks\[1\]\.Action: there is no action ACS::Slep; do you mean ACS::Sleep\?\n",
        told.stdout,
    )


def test_a_selector_that_is_no_program_is_told_with_its_place(offline: Offline) -> None:
    text = TEMPLATE + "    Outputs: {name: {ValueSelector: '.Instances['}}\n"

    told = offline("template", "validate", offline.write("it.yml", text))

    assert told.returncode == 1
    assert told.stdout.startswith("it.yml:17: Tasks[1].Outputs.name.ValueSelector: ")
    assert told.stdout.count("\n") == 1


def test_what_is_not_served_is_a_warning(offline: Offline) -> None:
    text = TEMPLATE.replace("RebootInstances", "DescribeSnapshots")

    told = offline("template", "validate", "-", given=text)
    document = json.loads(offline("template", "validate", "--json", "-", given=text).stdout)

    assert told.returncode == 0
    assert told.stdout == (
        "-:16: warning: Tasks[1].Properties.API: ECS.DescribeSnapshots is not served here:"
        " the task will fail\n"
    )
    assert document["problems"] == []
    assert [one["line"] for one in document["warnings"]] == [16]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("validate", "nowhere.yml"), "cannot read nowhere.yml: no such file or directory"),
        (("validate", "."), "cannot read .: is a directory"),
        (("graph", "it.yml", "--svg", "nowhere/it.svg"), "cannot write nowhere/it.svg"),
        (("graph", "it.yml", "--svg", "it.svg", "--mermaid"), "not by both"),
        (("rehearse", "it.yml"), "rehearsals"),
        (("nothing",), "no such command"),
    ],
)
def test_what_is_not_understood_is_one_sentence(
    offline: Offline, words: tuple[str, ...], says: str
) -> None:
    offline.write("it.yml", TEMPLATE)

    told = offline("template", *words)

    assert told.returncode == 2
    assert says in told.stderr.lower()
    assert told.stderr.count("\n") == 1


@pytest.mark.parametrize("words", [("graph", "it.yml"), ("rehearse", "it.yml", "it.yml")])
def test_a_template_that_is_not_valid_is_not_gone_on_with(
    offline: Offline, words: tuple[str, ...]
) -> None:
    offline.write("it.yml", WRONG)

    told = offline("template", *words)

    assert told.returncode == 1
    assert "it.yml:9: Tasks[1].Action: there is no action ACS::Slep" in told.stdout
    assert told.stderr == "cloudhand: it.yml is not valid: 2 problems\n"


# graph


def test_a_graph_is_told_in_mermaid(offline: Offline) -> None:
    told = offline("template", "graph", offline.write("it.yml", TEMPLATE))

    assert told.returncode == 0
    assert told.stdout.splitlines() == [
        "flowchart TD",
        "  start((start))",
        '  t0[["upgrade<br/>ECS::RunCommand<br/>for each of ids, 2 at a time"]]',
        '  t1["rescue<br/>ExecuteAPI RebootInstances"]',
        "  stop((end))",
        "  start --> t0",
        "  t0 --> stop",
        "  t0 -. error .-> t1",
        "  t1 --> stop",
    ]


def test_a_picture_names_each_task_and_draws_each_way_once(offline: Offline) -> None:
    told = offline("template", "graph", offline.write("it.yml", TEMPLATE), "--svg", "it.svg")

    picture = ElementTree.fromstring(offline.read("it.svg"))
    name = "{http://www.w3.org/2000/svg}"
    texts = [one.text for one in picture.iter(f"{name}text")]
    ways = [one.get("class") for one in picture.iter(f"{name}path") if one.get("marker-end")]
    assert told.returncode == 0
    assert texts == [
        "error",
        "upgrade",
        "ECS::RunCommand",
        "for each of ids, 2 at a time",
        "rescue",
        "ExecuteAPI RebootInstances",
    ]
    assert ways == ["way", "way", "way", "way error"]


# rehearse


def test_a_rehearsal_that_comes_true_says_what_came_of_it(offline: Offline) -> None:
    offline.write("it.yml", TEMPLATE)

    told = offline("template", "rehearse", "it.yml", offline.write("fails.yml", REHEARSAL))

    assert told.returncode == 0, told.stdout
    assert told.stdout.splitlines() == [
        "fails.yml: came true: Failed after PT10S",
        "  upgrade Failed: 1 of 3 items failed, and at most 0 may",
        "  upgrade[i-1] Success",
        "  upgrade[i-2] Failed: the script says so",
        "  upgrade[i-3] Skipped",
        "  rescue Success",
    ]


def test_what_is_missed_is_told_with_what_was_expected(offline: Offline) -> None:
    offline.write("it.yml", TEMPLATE)
    offline.write("good.yml", REHEARSAL)
    offline.write("bad.yml", REHEARSAL.replace("execution: Failed", "execution: Success"))

    told = offline("template", "rehearse", "it.yml", "good.yml", "bad.yml")
    documents = offline("template", "rehearse", "--json", "it.yml", "good.yml", "bad.yml")

    assert told.returncode == 1
    assert "good.yml: came true: " in told.stdout
    assert "bad.yml: did not come true: Failed after PT10S\n" in told.stdout
    missed = 'execution: "Success" was expected, and it is "Failed"'
    assert f"  missed: {missed}\n" in told.stdout
    assert [one["missed"] for one in json.loads(documents.stdout)] == [[], [missed]]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("given: {}\n", "it expects nothing"),
        (REHEARSAL + "given: {nobody: 1}\n", "nobody: the template has no such parameter"),
        (REHEARSAL + "say: [{at: 1s, word: Approve}]\n", "Approve"),
    ],
)
def test_a_rehearsal_that_cannot_be_played_is_told(offline: Offline, text: str, says: str) -> None:
    offline.write("it.yml", TEMPLATE)

    told = offline("template", "rehearse", "it.yml", offline.write("odd.yml", text))

    assert told.returncode == 1
    assert told.stdout.startswith("odd.yml: did not come true\n  missed: ")
    assert says in told.stdout
    assert told.stderr == ""


def test_a_slip_of_the_pen_in_a_rehearsal_is_told_with_what_is_meant(offline: Offline) -> None:
    offline.write("it.yml", TEMPLATE)
    slips = "mode: FailurPause\nscript: {upgrad: {takes: 1s}}\nsay: [{word: Aprove}]\n"
    stranger = "script: {upgrad: {takes: 1s}}\nexpect: {execution: Success}\n"

    told = offline("template", "rehearse", "it.yml", offline.write("odd.yml", slips))
    other = offline("template", "rehearse", "it.yml", offline.write("odd.yml", stranger))

    assert told.returncode == other.returncode == 1
    assert "do you mean FailurePause?" in told.stdout
    assert "do you mean Approve?" in told.stdout
    assert "there is no task upgrad; do you mean upgrade?" in other.stdout
