"""`cloudhand template` as a process, against a control plane over HTTP."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path

import pytest

from cloudhand.cli.client import OOS, Client
from cloudhand.wire import agent as wire
from tests.api.cloud import Cloud
from tests.cli.beside import Start
from tests.cli.conftest import Cli
from tests.cli.terminals import Open
from tests.machines import Behaviour, Machine, finish, run_on

pytestmark = pytest.mark.drawn

BULK = """\
FormatVersion: OOS-2019-06-01
Parameters:
  targets: {Type: Json}
  script: {Type: String, Default: 'true'}
  rateControl: {Type: Json, Default: {Mode: Concurrency, Concurrency: 1, MaxErrors: 0}}
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
    Loop:
      Items: '{{ getInstance.ids }}'
      RateControl: '{{ rateControl }}'
      Outputs: {said: {AggregateType: 'Fn::ListJoin', AggregateField: said}}
    Outputs:
      said: {ValueSelector: invocationOutput}
Outputs:
  said: {Type: List, Value: '{{ runCommand.said }}'}
"""
ASKS = """\
FormatVersion: OOS-2019-06-01
Tasks:
  - {Name: ask, Action: ACS::Approve}
"""
BRIEF = """\
FormatVersion: OOS-2019-06-01
Tasks:
  - {Name: ask, Action: ACS::ExecuteAPI, Properties: {Service: ECS, API: DescribeRegions}}
"""
GRAVE = """\
FormatVersion: OOS-2019-06-01
Parameters: {id: {Type: String}}
Tasks:
  - Name: goes
    Action: ACS::ExecuteAPI
    Properties:
      Service: ECS
      API: DeleteInstance
      Parameters: {InstanceId: '{{ id }}', Force: true}
"""
TIMED = """\
FormatVersion: OOS-2019-06-01
Tasks:
  - Name: nightly
    Action: ACS::TimerTrigger
    Properties: {Type: cron, Expression: '0 0 3 ? * *', EndDate: '2099-01-01T00:00:00Z'}
  - {Name: rest, Action: ACS::Sleep, Properties: {Duration: PT1S}}
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    return _written(tmp_path, BULK)


def _written(folder: Path, text: str) -> str:
    path = folder / "it.yml"
    path.write_text(text)
    return str(path)


def _fails_on(*bad: str) -> Behaviour:
    def behave(machine: Machine, task: wire.Task) -> wire.Report:
        return finish(task, 3 if machine.instance_id in bad else 0, b"hi\n")

    return behave


def test_a_template_is_followed_to_its_end_and_its_outputs(it: Cloud, cli: Cli, file: str) -> None:
    ids = it.instances(3, instance_name="box-[1,1]")

    told = cli("template", "run", file, "--on", ids[0], "--on", "box-2")

    assert told.returncode == 0, told.stderr
    assert re.fullmatch(
        r"exec-\w+ Success\n"
        r"  getInstance Success\n"
        r"  runCommand Success: 2 items: 2 Success\n"
        r'  said: \["helloworld\\n", "helloworld\\n"\]\n'
        r"  results: `cloudhand result t-\w+ t-\w+`\n",
        told.stdout,
    )
    assert "has started\ngetInstance Success\n" in told.stderr
    assert "runCommand Success (2 items: 2 Success)\n" in told.stderr


def test_the_link_leads_to_the_results_of_the_commands(it: Cloud, cli: Cli, file: str) -> None:
    (instance_id,) = it.instances()
    link = re.search(
        r"`cloudhand (result t-\w+)`", cli("template", "run", file, "--on", instance_id).stdout
    )
    assert link

    result = cli(*link.group(1).split())

    assert result.returncode == 0
    assert f"Success exit 0  {instance_id}\nhelloworld\n" in result.stdout


def test_what_fails_is_named_and_the_exit_code_is_1(it: Cloud, cli: Cli, file: str) -> None:
    first, bad, last = it.instances(3, instance_name="box-[1,1]")
    it.world.machines.behave = _fails_on(bad)

    told = cli("template", "run", file, "--all", "--yes")

    assert told.returncode == 1
    assert (
        "runCommand Failed: 3 items: 1 Success, 1 Failed, 1 Skipped; TooManyErrors" in told.stdout
    )
    assert f"    box-2 {bad} Failed: ChildExecutionFailed" in told.stdout
    assert f"runCommand on box-2 {bad} Failed" in told.stderr
    assert it.world.machine(first).ever_started
    assert not it.world.machine(last).ever_started


def test_json_has_all_items_with_their_invocations(it: Cloud, cli: Cli, file: str) -> None:
    good, bad = it.instances(2)
    it.world.machines.behave = _fails_on(bad)
    rate = 'rateControl={"Concurrency": 2, "MaxErrors": "100%"}'

    told = cli("template", "run", file, "--json", "--all", "--yes", "--param", rate)

    document = json.loads(told.stdout)
    task = document["tasks"][1]
    assert "has started" not in told.stderr
    assert document["status"] == "Success"
    assert document["outputs"] == {"said": ["hi\n"]}
    assert task["counts"]["success"] == task["counts"]["failed"] == 1
    by_item = {item["item"]: item for item in task["items"]}
    assert by_item.keys() == {good, bad}
    assert len(by_item[good]["invokeIds"]) == len(by_item[bad]["invokeIds"]) == 1
    assert sorted(task["invokeIds"]) == sorted(
        invoke_id for item in task["items"] for invoke_id in item["invokeIds"]
    )


def test_a_value_is_text_for_a_string_and_json_for_anything_else(
    it: Cloud, cli: Cli, client: Client, file: str, tmp_path: Path
) -> None:
    (instance_id,) = it.instances()
    values = tmp_path / "given.json"
    values.write_text('{"script": "from the file", "rateControl": {"Concurrency": 5}}')
    targets = json.dumps({"Type": "ResourceIds", "ResourceIds": [instance_id]})

    told = cli(
        "template", "run", file, "--json", "--params", str(values),
        "--param", "SCRIPT=12", "--param", f"targets={targets}",
    )  # fmt: skip

    execution_id = json.loads(told.stdout)["executionId"]
    found = client.call("ListExecutions", {"ExecutionId": execution_id}, version=OOS)
    given = found["Executions"][0]["Parameters"]
    assert given["script"] == "12"
    assert given["rateControl"] == {"Concurrency": 5}
    assert given["targets"]["ResourceIds"] == [instance_id]


@pytest.mark.parametrize(
    ("answer", "status", "code"), [("approve", "Success", 0), ("reject", "Cancelled", 1)]
)
def test_what_it_waits_for_is_said_with_the_commands_that_answer(
    it: Cloud, cli: Cli, start: Start, tmp_path: Path, answer: str, status: str, code: int
) -> None:
    run = start("template", "run", _written(tmp_path, ASKS))

    words = run.until(
        rf"ask waits for an approval: .*`cloudhand (template {answer} exec-\w+)`"
    ).group(1)
    heard = cli(*words.split(), "--note", "as agreed")

    ended, printed = run.end()
    assert heard.returncode == 0, heard.stderr
    assert "has heard it: `cloudhand template show exec-" in heard.stderr
    assert ended == code
    assert f" {status}" in printed.splitlines()[0]
    assert f"  ask {status}: {answer.title()} by root (as agreed)" in printed
    again = cli(*words.split())
    assert again.returncode == 1
    assert "has ended" in again.stderr


def test_a_call_of_high_risk_waits_to_be_confirmed_unless_one_says_yes(
    it: Cloud, cli: Cli, start: Start, tmp_path: Path
) -> None:
    kept, gone, gone_at_once = it.instances(3)
    file = _written(tmp_path, GRAVE)

    run = start("template", "run", file, "--param", f"id={gone}")
    told = run.until(r"goes makes a call of high risk.*`cloudhand (template approve exec-\w+)`")
    assert gone in cli("instances").stdout
    cli(*told.group(1).split())
    at_once = cli("template", "run", file, "--param", f"id={gone_at_once}", "--yes")

    assert run.end()[0] == 0
    assert at_once.returncode == 0
    it.advance(seconds=5)
    left = cli("instances").stdout
    assert kept in left
    assert gone not in left
    assert gone_at_once not in left


@pytest.mark.parametrize(("answer", "ends"), [("retry", 0), ("skip", 0), ("cancel", 1)])
def test_what_failed_is_tried_again_skipped_or_given_up(
    it: Cloud, cli: Cli, start: Start, file: str, answer: str, ends: int
) -> None:
    _, bad = it.instances(2, instance_name="box-[1,1]")
    it.world.machines.behave = _fails_on(bad)

    run = start("template", "run", file, "--mode", "FailurePause", "--all", "--yes")
    told = run.until(
        rf"runCommand on box-2 {bad} failed .*`cloudhand (template {answer} exec-\w+)`"
    )
    it.world.machines.behave = _fails_on()
    about = () if answer == "cancel" else ("--task", "runCommand", "--item", "box-2")
    assert cli(*told.group(1).split(), *about).returncode == 0

    code, printed = run.end()
    assert code == ends, printed
    counts = {"retry": "2 Success", "skip": "1 Success, 1 Skipped", "cancel": "Cancelled"}[answer]
    assert counts in printed


def test_a_batch_waits_to_be_let_on(it: Cloud, cli: Cli, start: Start, file: str) -> None:
    it.instances(2)
    rate = 'rateControl={"Mode": "Batch", "Batch": [1], "BatchPauseOption": "EveryBatchPause"}'

    run = start("template", "run", file, "--all", "--yes", "--param", rate)
    told = run.until(
        r"runCommand waits before its next batch \(2 items: 1 Success, 1 Pending\):"
        r" `cloudhand (template approve exec-\w+)`"
    )
    cli(*told.group(1).split())

    code, printed = run.end()
    assert code == 0
    assert "2 items: 2 Success" in printed


def test_what_waits_inside_of_an_embedded_template_is_named(
    it: Cloud, cli: Cli, start: Start, tmp_path: Path
) -> None:
    inner = "\n".join(f"        {line}" for line in ASKS.splitlines())
    outer = f"""\
FormatVersion: OOS-2019-06-01
Tasks:
  - Name: outer
    Action: ACS::Template
    Properties:
      TemplateContent: |
{inner}
"""
    run = start("template", "run", _written(tmp_path, outer))
    told = run.until(r"\nask waits for an approval: `cloudhand (template approve exec-\w+)`")
    cli(*told.group(1).split())

    code, printed = run.end()
    assert code == 0
    assert printed.splitlines()[1:] == ["  outer Success", "    ask Success: Approve by root"]


def test_machines_of_ones_own_are_told_to_be_that(
    it: Cloud, cli: Cli, client: Client, start: Start
) -> None:
    made = client.call("CreateActivation", {"InstanceCount": 1})
    joined = it.join(made["ActivationId"], made["ActivationCode"])
    words = ("ACS-ECS-BulkyRunCommand", "--param", "commandContent=true", "--param", "timeout=10")

    run = start("template", "run", *words, "--on", joined)
    run.until("runCommand Running")
    execution_id = run.until(r"(exec-\w+) has started").group(1)
    shown = json.loads(cli("template", "show", execution_id, "--json").stdout)
    cli("template", "cancel", execution_id)
    code, _ = run.end()
    client.call("DeregisterManagedInstance", {"InstanceId": joined})

    assert [item["item"] for item in shown["tasks"][1]["items"]] == [joined]
    assert "task getInstance completed" in " ".join(one["message"] for one in shown["log"])
    assert code == 1


def test_a_timer_is_left_to_itself(it: Cloud, cli: Cli, tmp_path: Path) -> None:
    told = cli("template", "run", _written(tmp_path, TIMED))

    assert told.returncode == 0
    waits = (
        r"nightly waits for its trigger, next at \S+T03:00:00Z: `cloudhand (template cancel \S+)`"
    )
    found = re.search(waits, told.stderr)
    assert found
    listed = cli("template", "show")
    ended = cli(*found.group(1).split())
    assert "Waiting (Trigger)" in listed.stdout
    assert ended.returncode == 0
    assert " Cancelled" in ended.stdout


def test_without_a_terminal_an_interruption_leaves_it_running(
    it: Cloud, cli: Cli, start: Start, tmp_path: Path
) -> None:
    run = start("template", "run", _written(tmp_path, ASKS))
    run.until("ask waits")

    run.process.send_signal(signal.SIGINT)

    code, _ = run.end()
    left = re.search(
        r"(exec-\w+) goes on: `cloudhand (template show \1 --follow)` shows how it ends,"
        r" `cloudhand (template cancel \1)` ends it\n",
        run.said,
    )
    assert code == 130
    assert left
    follows = start(*left.group(2).split())
    follows.until("ask waits")
    assert cli(*left.group(3).split()).returncode == 0
    code, printed = follows.end()
    assert code == 1
    assert "log:\n" in printed


@pytest.mark.parametrize(("typed", "ends"), [("what?\nc\n", True), ("\n", False)])
def test_on_a_terminal_an_interruption_asks(
    it: Cloud, terminal: Open, cli: Cli, tmp_path: Path, typed: str, ends: bool
) -> None:
    shown = terminal("template", "run", _written(tmp_path, ASKS))
    shown.until("waits for an approval")
    shown.process.send_signal(signal.SIGINT)
    shown.until("[c/L] ")
    shown.type(typed)

    assert shown.end() == 130
    execution_id = re.search(r"exec-\w+", shown.shown)
    assert execution_id
    it.do(lambda world: world.settle())
    status = cli("template", "show", execution_id[0]).stdout.splitlines()[0]
    assert status.split()[1].rstrip(":") == ("Cancelled" if ends else "Waiting")
    if not ends:
        cli("template", "cancel", execution_id[0])


def test_on_a_terminal_the_tree_is_live(it: Cloud, terminal: Open, file: str) -> None:
    (instance_id,) = it.instances()
    it.world.machines.behave = run_on

    shown = terminal("template", "run", file, "--on", instance_id)
    shown.until("1 item: 1 Running")
    shown.until(instance_id)
    machine = it.world.machine(instance_id)
    (task_id,) = machine.running
    it.do(lambda world: world.machines.end(machine, finish(machine.running[task_id], 0, b"hi\n")))

    assert shown.end() == 0
    assert "1 item: 1 Success" in shown.shown


def test_templates_are_stored_in_versions_listed_and_run_by_name(
    it: Cloud, cli: Cli, tmp_path: Path
) -> None:
    name = f"it-{tmp_path.name[-40:]}"
    file = _written(tmp_path, BULK)

    first, second = (cli("template", "save", file, "--name", name) for _ in range(2))
    listed = cli("template", "list", name)
    documents = json.loads(cli("template", "list", "--json").stdout)
    (instance_id,) = it.instances()
    told = cli("template", "run", name, "--on", instance_id)

    assert (first.stdout, second.stdout) == (f"{name} v1\n", f"{name} v2\n")
    assert listed.stdout.splitlines()[1].startswith(f"{name}\tv2\tstored\t0\t")
    assert name in [one["name"] for one in documents]
    assert told.returncode == 0
    assert f" of {name} v2 Success\n" in told.stdout


@pytest.mark.parametrize("with_executions", [False, True])
def test_a_stored_template_is_deleted_and_its_executions_if_one_says_so(
    cli: Cli, tmp_path: Path, with_executions: bool
) -> None:
    name = f"it-{tmp_path.name[-40:]}"
    cli("template", "save", _written(tmp_path, BRIEF), "--name", name)
    executed = cli("template", "run", name).stdout.split()[0]
    shown = cli("template", "show")

    told = cli("template", "delete", name, *(["--executions"] if with_executions else []))

    assert (told.returncode, told.stdout) == (0, "")
    assert len(cli("template", "list", name).stdout.splitlines()) == 0
    left = cli("template", "show", executed)
    assert left.returncode == (2 if with_executions else 0)
    assert shown.stdout.startswith("execution\tcreated\tstatus\ttemplate\n")


def test_what_a_trigger_has_fired_is_listed(
    it: Cloud, cli: Cli, client: Client, tmp_path: Path
) -> None:
    event = "  - {Name: event, Action: ACS::EventTrigger}\n"
    content = BRIEF.replace("Tasks:\n", f"Tasks:\n{event}")
    execution_id = cli("template", "run", _written(tmp_path, content)).stdout.split()[0]
    for _ in range(2):
        given = {"ExecutionId": execution_id, "Type": "Event", "Content": "{}"}
        client.call("TriggerExecution", given, version=OOS)
        it.advance(seconds=1)

    told = cli("template", "show", execution_id)
    document = json.loads(cli("template", "show", execution_id, "--json").stdout)

    assert re.search(r"  fired, the newest first:\n(    \S+Z exec-\S+ Success\n){2}", told.stdout)
    first, second = (one["executionId"] for one in document["firings"])
    assert first > second > execution_id
    cli("template", "cancel", execution_id)


def test_commands_that_outlive_their_execution_are_named(
    it: Cloud, cli: Cli, start: Start, file: str
) -> None:
    (instance_id,) = it.instances()
    it.world.machines.behave = lambda machine, task: None
    run = start("template", "run", file, "--on", instance_id)
    run.until("runCommand Running")
    found = re.search(r"exec-\w+", run.said)
    assert found

    told = cli("template", "cancel", found[0])

    assert told.returncode == 0
    assert re.search(r"(t-\w+) goes on there: `cloudhand stop-run \1` ends it\n", told.stderr)
    assert run.end()[0] == 1


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("run", "no-such-template"), 2, "there is neither a file nor a template no-such-template"),
        (("run", "no/such.yml"), 2, "cannot read no/such.yml"),
        (("run", "FILE", "--mode", "Debug"), 2, "cannot use --mode Debug: it is Automatic or"),
        (("run", "FILE", "--all"), 2, "this runs on 1 machine, and nobody is here to be asked"),
        (("run", "FILE"), 3, "Parameters.targets: it has no default"),
        (("run", "FILE", "--param", "it=1"), 2, "the template has no parameter it"),
        (("show", "exec-nowhere"), 2, "cannot find exec-nowhere"),
        (("cancel", "exec-nowhere"), 2, "cannot find exec-nowhere"),
        (("approve", "exec-nowhere"), 1, "cannot find exec-nowhere"),
        (("delete", "no-such-template"), 2, "there is no stored template no-such-template"),
        (("save", "-"), 2, "add --name"),
        (("save", "FILE", "--name", "ACS-it"), 3, "TemplateName"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    it: Cloud, cli: Cli, file: str, words: tuple[str, ...], code: int, says: str
) -> None:
    it.instances()

    told = cli("template", *(file if word == "FILE" else word for word in words))

    assert told.returncode == code, told.stderr
    assert says in told.stderr
    assert told.stderr.count("\n") == 1
    assert told.stderr.startswith("cloudhand: ")


def test_machines_need_a_parameter_that_takes_them(it: Cloud, cli: Cli, tmp_path: Path) -> None:
    (instance_id,) = it.instances()

    told = cli("template", "run", _written(tmp_path, ASKS), "--on", instance_id)

    assert told.returncode == 2
    assert "the template has no parameter targets" in told.stderr


def test_what_nothing_waits_for_is_told(it: Cloud, cli: Cli, start: Start, tmp_path: Path) -> None:
    run = start("template", "run", _written(tmp_path, ASKS))
    execution_id = run.until(r"(exec-\w+) has started").group(1)
    run.until("ask waits")

    told = cli("template", "retry", execution_id)
    cli("template", "approve", execution_id)

    assert told.returncode == 1
    assert f"nothing of {execution_id} waits for this" in told.stderr
    assert run.end()[0] == 0


def test_a_template_that_is_not_valid_is_told_before_anything_is_asked(
    cli: Cli, tmp_path: Path
) -> None:
    file = _written(tmp_path, BULK.replace("ACS::SelectTargets", "ACS::SelectTarget"))

    told = cli("template", "run", file, env={"CLOUDHAND_ENDPOINT": "http://127.0.0.1:9"})

    assert told.returncode == 1
    assert f"{file}:8: Tasks[0].Action: there is no action ACS::SelectTarget" in told.stdout
