"""A secret that is used by executions is seen by whom it is sent to, and nowhere else."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.clients import Caller, hang_up, oos
from tests.api.cloud import Cloud, cloud

CANARY = "canary-2b9f6c"
INNER = """
FormatVersion: OOS-2019-06-01
Parameters: {word: {AllowedPattern: "^[a-z]{200}$"}}
Tasks:
- Name: tell
  Action: ACS::Notify
  Properties:
    NotifyType: WebHook
    WebHook: {URI: "https://inner.example/", Content: {word: "{{ word }}"}}
Outputs: {word: {Value: "{{ word }}"}}
"""
TEMPLATE = """
FormatVersion: OOS-2019-06-01
Parameters:
  given: {}
  inner: {}
  copy: {}
Tasks:
- Name: keep
  Action: ACS::ExecuteAPI
  Properties:
    Service: OOS
    API: CreateSecretParameter
    Parameters: {Name: "{{ copy }}", Value: "{{ given }}", Description: "a copy"}
  Outputs: {id: {ValueSelector: Parameter.Id}}
- Name: each
  Action: ACS::Notify
  Loop: {Items: ["{{ oos-secret:canary }}", plain]}
  Properties:
    NotifyType: WebHook
    WebHook:
      URI: "https://outer.example/{{ oos-secret:canary }}"
      Headers: {Authorization: "Bearer {{ given }}"}
      Content: {item: "{{ ACS::TaskLoopItem }}", text: "so {{ given }} it is"}
- Name: inside
  Action: ACS::Template
  Properties:
    TemplateContent: "{{ inner }}"
    Parameters: {word: "{{ given }}"}
  Outputs: {word: {ValueSelector: word}}
- Name: wait
  Action: ACS::WaitFor
  Properties:
    Service: OOS
    API: GetParameter
    Parameters: {Name: "{{ given }}"}
    PropertySelector: .Code
    DesiredValues: [EntityNotExists.Parameter]
  Outputs: {message: {ValueSelector: .Message}}
- Name: refuse
  Action: ACS::ExecuteAPI
  OnError: ACS::NEXT
  IsCritical: false
  Properties: {Service: OOS, API: GetParameter, Parameters: {Name: "{{ inside.word }}"}}
- Name: misuse
  Action: ACS::Sleep
  Properties: {Duration: "{{ given }}"}
Outputs: {word: {Value: "{{ inside.word }}"}}
"""


@pytest.fixture
def it(tmp_path: Path) -> Iterator[Cloud]:
    with cloud(tmp_path) as running:
        yield running
        hang_up()


@pytest.fixture
def call(it: Cloud) -> Caller:
    return oos(it.endpoint)


def start(call: Caller, template: str, **parameters: Any) -> dict[str, Any]:
    given = {"TemplateContent": template, "Parameters": json.dumps(parameters)}
    started: dict[str, Any] = call("StartExecution", **given)["Execution"]
    return started


def all_answers(call: Caller, execution_id: str) -> list[Any]:
    """All that can be asked of an execution, and of what it has started."""
    shown = call("ListExecutions", ExecutionId=execution_id)
    below = call("ListExecutions", ParentExecutionId=execution_id)
    tasks = [
        call("ListTaskExecutions", ExecutionId=one["ExecutionId"], IncludeChildTaskExecution=True)
        for one in shown["Executions"] + below["Executions"]
    ]
    assert below["Executions"]
    others = [
        call(action, ExecutionId=one["ExecutionId"])
        for one in shown["Executions"] + below["Executions"]
        for action in ("ListExecutionLogs", "ListResourceExecutionStatus", "GetExecutionTemplate")
    ]
    return [shown, below, *tasks, *others]


def written(it: Cloud) -> bytes:
    return b"".join(path.read_bytes() for path in it.world.path.iterdir() if path.is_file())


def traces(it: Cloud, answers: Any, log: pytest.LogCaptureFixture) -> list[str]:
    """Where the canary, or what is made of it, is to be seen."""
    found = []
    for canary in (CANARY, base64.b64encode(CANARY.encode()).decode().rstrip("=")):
        found += ["an answer"] if canary in json.dumps(answers) else []
        found += ["the store"] if canary.encode() in written(it) else []
        found += ["the log"] if canary in log.text else []
    return found


def test_a_secret_leaves_no_trace(
    it: Cloud, call: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="cloudhand")
    call("CreateSecretParameter", Name="canary", Value=CANARY, ClientToken="once")
    given = {"given": "{{ oos-secret:canary }}", "inner": INNER, "copy": "copy"}
    started = start(call, TEMPLATE, **given)
    it.advance(seconds=60)
    answers = [started, *all_answers(call, started["ExecutionId"])]
    (execution,) = answers[1]["Executions"]
    tasks = {one["TaskName"]: one for one in answers[3]["TaskExecutions"]}

    assert execution["StatusMessage"].startswith("task misuse failed: InvalidProperty")
    assert json.loads(started["Parameters"])["given"] == "{{oos-secret:canary}}"
    assert json.loads(tasks["inside"]["Outputs"]) == {"word": "{{oos-secret:canary}}"}
    assert tasks["refuse"]["StatusMessage"].startswith("EntityNotExists.Parameter: ")
    copied = call("GetSecretParameter", Name="copy", WithDecryption=True)["Parameter"]
    assert copied["Value"] == CANARY
    sent = [(url, json.loads(body)) for url, body in it.world.posted]
    outer = f"https://outer.example/{CANARY}"
    text = f"so {CANARY} it is"
    assert sent == [
        (outer, {"item": CANARY, "text": text}),
        (outer, {"item": "plain", "text": text}),
        ("https://inner.example/", {"word": CANARY}),
    ]
    assert traces(it, answers, caplog) == []


HIDING = """
FormatVersion: OOS-2019-06-01
Parameters:
  password: {NoEcho: true, MinLength: 3}
  banner: {Default: "it is {{ password }}"}
  shown: {Default: yes, Type: Boolean}
Tasks:
- Name: keep
  Action: ACS::ExecuteAPI
  Properties:
    Service: OOS
    API: CreateSecretParameter
    Parameters:
      Name: hidden
      Value: {"Fn::Join": ["/", ["{{ password }}", {"Fn::Base64Encode": "{{ password }}"}]]}
      Description: open
- Name: each
  Action: ACS::Notify
  Loop: {Items: ["{{ password }}"]}
  Properties:
    NotifyType: WebHook
    WebHook: {URI: "https://outer.example/", Content: {text: "{{ ACS::TaskLoopItem }}"}}
- Name: run
  Action: ACS::ECS::RunCommand
  OnError: ACS::NEXT
  IsCritical: false
  Properties:
    instanceId: i-nobody
    commandType: RunShellScript
    commandContent: "login {{ password }}"
- Name: check
  Action: ACS::Choice
  Properties:
    DefaultTask: ACS::END
    Choices: [{When: {"Fn::Equals": ["{{ password }}", "PASSWORD"]}, NextTask: refuse}]
- Name: refuse
  Action: ACS::ExecuteAPI
  Properties: {Service: OOS, API: GetParameter, Parameters: {Name: "{{ banner }}"}}
Outputs: {banner: {Value: "{{ banner }}"}}
""".replace("PASSWORD", CANARY)


def test_a_hidden_parameter_leaves_no_trace(
    it: Cloud, call: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="cloudhand")
    template = HIDING.replace(CANARY, CANARY[::-1])
    started = start(call, template, password=CANARY)
    it.advance(seconds=60)
    answers = [started, *all_answers(call, started["ExecutionId"])]
    (execution,) = answers[1]["Executions"]
    parameters = {"password": "****", "banner": "****", "shown": True}
    assert json.loads(started["Parameters"]) == parameters
    assert execution["Parameters"] == parameters
    assert (execution["Status"], json.loads(execution["Outputs"])) == (
        "Success",
        {"banner": "****"},
    )
    tasks = {one["TaskName"]: one for one in answers[3]["TaskExecutions"]}
    kept = json.loads(tasks["keep"]["Properties"])["Parameters"]
    assert kept == {"Name": "hidden", "Value": "****", "Description": "open"}
    items = [one for one in answers[3]["TaskExecutions"] if one.get("LoopItem")]
    assert [one["LoopItem"] for one in items] == ["****"]
    (child,) = answers[2]["Executions"]
    assert child["Parameters"]["commandContent"] == "****"
    assert child["Parameters"]["instanceId"] == "i-nobody"

    sent = [json.loads(body) for _, body in it.world.posted]
    assert sent == [{"text": CANARY}]
    copied = call("GetSecretParameter", Name="hidden", WithDecryption=True)["Parameter"]
    assert copied["Value"] == f"{CANARY}/{base64.b64encode(CANARY.encode()).decode()}"
    assert traces(it, answers, caplog) == []


def test_what_goes_wrong_with_a_hidden_parameter_is_told_without_it(
    it: Cloud, call: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    """Its conditions are decided by what it is."""
    started = start(call, HIDING, password=CANARY)
    it.advance(seconds=60)
    (execution,) = call("ListExecutions", ExecutionId=started["ExecutionId"])["Executions"]
    assert execution["Status"] == "Failed"
    assert execution["StatusMessage"] == (
        "task refuse failed: EntityNotExists.Parameter: The specified parameter does not exist"
        " (cannot find parameter ****)."
    )
    assert CANARY not in caplog.text


def test_a_refused_hidden_parameter_is_not_told(it: Cloud, call: Caller) -> None:
    template = HIDING.replace(
        "MinLength: 3", 'MinLength: 99, AllowedPattern: "^x", AllowedValues: [x]'
    )
    with pytest.raises(Exception, match="InvalidParameter.Parameters") as caught:
        start(call, template, password=CANARY)
    assert "password" in str(caught.value)
    assert CANARY not in str(caught.value)


def test_an_execution_with_a_hidden_parameter_goes_on_after_a_restart(
    it: Cloud, call: Caller
) -> None:
    waiting = HIDING.replace(
        "Tasks:", "Tasks:\n- {Name: wait, Action: 'ACS::Sleep', Properties: {Duration: PT1M}}", 1
    ).replace(CANARY, CANARY[::-1])
    started = start(call, waiting, password=CANARY)
    it.advance(seconds=5)

    it.do(lambda world: world.restart())
    it.advance(seconds=120)
    assert [json.loads(body) for _, body in it.world.posted] == [{"text": CANARY}]
    found = it.do(lambda world: world.control.executions.get(started["ExecutionId"]))
    assert found.execution.state == "Success"
