"""What is asked and answered about templates and executions is what the official SDK declares."""

from __future__ import annotations

import json
from typing import Any

import pytest
from alibabacloud_oos20190601 import models

from cloudhand.api.oos import operations
from tests.api.clients import OOS, classic, hang_up
from tests.api.cloud import cloud
from tests.api.oos import PAUSE, Oos, api, template
from tests.compat.fits import fields, misfits
from tests.compat.oos_rows import OWN

OPERATIONS = {name: one for name, one in operations.OPERATIONS.items() if name not in OWN}

# Fields that the SDK does not know, and so does not show.
EXTENSIONS = {("ValidateTemplateContent", ".Warnings")}
# Fields that the SDK says not to be there always.
SOMETIMES = {("ListActions", "TemplateVersion")}
# Parameters that the SDK does not know.
ALSO_TAKEN = {"ListTagResources": {"MaxResults"}}

Answers = dict[str, list[dict[str, Any]]]

LOOP = {
    "Name": "run",
    "Action": "ACS::ECS::RunCommand",
    "Properties": {
        "commandType": "RunShellScript",
        "commandContent": "true",
        "instanceId": "{{ ACS::TaskLoopItem }}",
    },
    "Loop": {"Items": "{{ ids }}"},
}
TIMER = {
    "Name": "timer",
    "Action": "ACS::TimerTrigger",
    "Properties": {"Type": "rate", "Expression": "1 minutes", "EndDate": "2099-01-01T00:00:00Z"},
}
SETS = template(
    LOOP,
    api("drop", "DeleteInstance", InstanceId="i-1"),
    PAUSE,
    Parameters={"ids": {"Type": "List", "Default": []}},
    Outputs={"ids": {"Type": "List", "Value": "{{ ids }}"}},
    Description={"en": "of all kinds"},
)


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Answers:
    """All that was answered to each operation, as it came, while a story was told."""
    told: Answers = {}
    with cloud(tmp_path_factory.mktemp("models")) as it:
        send = classic(it.endpoint, sdk=OOS)

        def call(action: str, **values: Any) -> Any:
            answer = send(action, **values)
            told.setdefault(action, []).append(answer)
            return answer

        oos = Oos(it, call)
        _tell(oos)
        _keep(oos, "", Type="String")
        _keep(oos, "Secret")
        _label(oos)
        hang_up()
    return told


def _tell(oos: Oos) -> None:
    call, ids = oos.call, oos.it.instances(2)
    call("CreateTemplate", TemplateName="sets", Content=SETS, Tags={"a": "b"})
    call("UpdateTemplate", TemplateName="sets", Content=SETS)
    call("GetTemplate", TemplateName="sets")
    call("ListTemplates")
    call("ListTemplateVersions", TemplateName="sets")
    call("ValidateTemplateContent", Content=template(api("find", "DescribeSnapshots")))
    call("ValidateTemplateContent", Content=SETS)
    call("GetTemplateParameterConstraints", TemplateName="sets")
    call("ListExecutionRiskyTasks", TemplateName="sets")
    call("ListActions")
    call("DescribeRegions")
    execution_id = oos.started(TemplateName="sets", Parameters={"ids": ids}, Tags={"c": "d"})
    oos.until(execution_id, "Waiting")
    oos.notify(execution_id, "Approve", TaskName="drop")
    failed = oos.started(TemplateName="sets", SafetyCheck="Skip")
    oos.until(failed, "Failed")
    _look(oos, execution_id)
    timer = oos.start(template(TIMER, api("find", "DescribeRegions")))
    oos.until(timer, "Waiting")
    call("TriggerExecution", ExecutionId=timer, Type="Timer", Content="{}")
    call("UpdateExecution", ExecutionId=timer, Description="every minute")
    oos.it.advance(seconds=61)
    oos.get(timer)
    call("ListExecutions", IncludeChildExecution=True)
    call("CancelExecution", ExecutionId=timer)
    call("DeleteExecutions", ExecutionIds=json.dumps([timer, failed]), Force=True)
    call("DeleteTemplate", TemplateName="sets")
    call("CreateTemplate", TemplateName="again", Content=SETS)
    call("DeleteTemplates", TemplateNames='["again"]')


def _look(oos: Oos, execution_id: str) -> None:
    call = oos.call
    call("GetExecutionTemplate", ExecutionId=execution_id)
    call("GetExecutionTemplate", ExecutionId=oos.start(SETS))
    call("ListTaskExecutions", ExecutionId=execution_id, IncludeChildTaskExecution=True)
    call("ListExecutionLogs", ExecutionId=execution_id)
    call("ListResourceExecutionStatus", ExecutionId=execution_id)
    task_id = oos.tasks(execution_id)["run"]["TaskExecutionId"]
    call("ListTaskExecutionInvocations", TaskExecutionId=task_id)


def _keep(oos: Oos, kind: str, **given: str) -> None:
    call, opened = oos.call, {"WithDecryption": True} if kind else {}
    made = {"Value": "v", "Description": "d", "Constraints": '{"MinLength": 1}'}
    call(f"Create{kind}Parameter", Name="a/b", Tags={"k": "v"}, **made, **given)
    call(f"Update{kind}Parameter", Name="a/b", Value="w")
    call(f"Get{kind}Parameter", Name="a/b", **opened)
    call(f"Get{kind}Parameters", Names='["a/b", "none"]', **opened)
    call(f"Get{kind}ParametersByPath", Path="/a", **opened)
    call(f"List{kind}Parameters")
    call(f"List{kind}ParameterVersions", Name="a/b", **opened)
    call(f"Delete{kind}Parameter", Name="a/b")


def _label(oos: Oos) -> None:
    call, thing = oos.call, {"ResourceType": "parameter"}
    call("CreateParameter", Name="labelled", Type="String", Value="v")
    call("TagResources", ResourceIds='["labelled"]', Tags={"k": "v"}, **thing)
    call("ListTagResources", ResourceIds='["labelled"]', **thing)
    call("ListTagKeys")
    call("ListTagValues", Key="k")
    call("UntagResources", ResourceIds='["labelled"]', TagKeys='["k"]', **thing)
    call("ChangeResourceGroup", ResourceId="labelled", NewResourceGroupId="rg", **thing)


def test_every_operation_was_asked(answers: Answers) -> None:
    assert set(answers) == set(OPERATIONS)


@pytest.mark.parametrize("action", sorted(OPERATIONS))
def test_its_answers_fit(answers: Answers, action: str) -> None:
    model = getattr(models, f"{action}ResponseBody")
    found = {one for answer in answers[action] for one in misfits(models, model, answer)}
    assert {one for one in found if not _allowed(action, one)} == set()


def _allowed(action: str, misfit: str) -> bool:
    path, _, what = misfit.partition(": ")
    if what == "missing":
        return (action, path.rpartition(".")[2]) in SOMETIMES
    return what == "unknown" and (action, path) in EXTENSIONS


def test_no_list_was_empty_that_could_hold_something(answers: Answers) -> None:
    empty = [
        f"{action}.{name}"
        for action, told in answers.items()
        for name in fields(getattr(models, f"{action}ResponseBody"))
        if all(answer.get(name) == [] for answer in told)
    ]
    assert empty == []


def test_extensions_are_there(answers: Answers) -> None:
    for action, path in EXTENSIONS:
        assert any(answer.get(path.strip(".")) for answer in answers[action])


@pytest.mark.parametrize("action", sorted(OPERATIONS))
def test_it_takes_what_the_sdk_sends(action: str) -> None:
    sent = set(fields(getattr(models, f"{action}Request")))
    taken = {name for one in OPERATIONS[action].parameters.values() for name in one.names}
    assert taken - ALSO_TAKEN.get(action, set()) == sent


def test_the_traps_among_the_types(answers: Answers) -> None:
    """Parameters are a text in one answer and a map in another; outputs are a text in both."""
    started = answers["StartExecution"][0]["Execution"]
    listed = answers["ListExecutions"][-1]["Executions"]
    assert json.loads(started["Parameters"])["ids"]
    assert all(isinstance(one["Parameters"], dict) for one in listed)
    assert all(isinstance(one["Outputs"], str) for one in listed)
    tasks = answers["ListTaskExecutions"][0]["TaskExecutions"]
    assert all(isinstance(json.loads(one["Properties"]), dict) for one in tasks)
    assert {bool(one["Loop"]) for one in tasks} == {True, False}
    (checked,) = (one for one in answers["ValidateTemplateContent"] if not one["Warnings"])
    assert json.loads(checked["Tasks"][0]["Description"] or '""') == ""


def test_a_misfit_is_noticed() -> None:
    body = {"RequestId": 1, "Regions": [{"RegionId": "r", "LocalName": "r", "More": ""}]}
    assert set(misfits(models, models.DescribeRegionsResponseBody, body)) == {
        ".RequestId: 1 is no str",
        ".Regions[0].RegionEndpoint: missing",
        ".Regions[0].More: unknown",
    }
