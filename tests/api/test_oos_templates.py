"""Templates: kept in versions, listed, checked, and looked into, through the official client."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from cloudhand.orchestration.actions import ACTIONS
from cloudhand.orchestration.actions.library import Library, Text
from tests.api.clients import OOS, Caller, ClientError, classic, tea
from tests.api.cloud import Cloud
from tests.api.oos import BULK, PAUSE, Oos, api, by_ids, template

SLEEP = template({"Name": "sleep", "Action": "ACS::Sleep", "Properties": {"Duration": "PT1S"}})
TIMER = template(
    {
        "Name": "timer",
        "Action": "ACS::TimerTrigger",
        "Properties": {"Type": "rate", "Expression": "1 hours", "EndDate": "2099-01-01T00:00:00Z"},
    },
    PAUSE,
)


@pytest.fixture
def call(it: Cloud) -> Caller:
    return tea(it.endpoint, sdk=OOS)


@pytest.fixture
def oos(it: Cloud, call: Caller) -> Oos:
    return Oos(it, call)


@pytest.fixture
def emptied(call: Caller) -> Iterator[None]:
    """No templates of one's own, before and after."""
    _empty(call)
    yield
    _empty(call)


def _empty(call: Caller) -> None:
    names = listed(call, ShareType="Private", MaxResults=100)
    if names:
        call("DeleteTemplates", TemplateNames=json.dumps(names))


@pytest.fixture
def public(it: Cloud) -> Iterator[str]:
    """The name of one more public template, beside those that come with Cloudhand."""
    library: Library = it.world.library
    library.public["acs-test-pause"] = Text(name="ACS-Test-Pause", text=template(PAUSE))
    yield "ACS-Test-Pause"
    del library.public["acs-test-pause"]


def listed(call: Caller, **wanted: Any) -> list[str]:
    found = call("ListTemplates", **wanted)["Templates"]
    return [one["TemplateName"] for one in found]


def refused(call: Caller, action: str, **values: Any) -> tuple[str, int, str]:
    with pytest.raises(ClientError) as caught:
        call(action, **values)
    return caught.value.code, caught.value.status, caught.value.message


def paged(call: Caller, action: str, key: str, token: str = "", **wanted: Any) -> list[list[Any]]:
    """All pages, or those behind a token."""
    pages = []
    while True:
        answer = call(action, **wanted, **({"NextToken": token} if token else {}))
        pages.append(answer[key])
        token = answer["NextToken"]
        if not token:
            return pages


# Versions


def test_a_template_is_kept_as_it_was_written(call: Caller, emptied: None) -> None:
    made = call(
        "CreateTemplate",
        TemplateName="bulk",
        Content=BULK,
        VersionName="first",
        ResourceGroupId="rg-1",
        Tags={"team": "web"},
    )
    assert made["TemplateType"] == "Automation"
    assert made["Template"]["TemplateVersion"] == "v1"
    assert made["Template"]["Tags"] == {"team": "web"}
    found = call("GetTemplate", TemplateName="BULK")
    assert found["Content"] == BULK
    assert found["Template"]["VersionName"] == "first"
    assert found["Template"]["TemplateType"] == "Automation"
    assert {
        name: value
        for name, value in found["Template"].items()
        if name not in ("TemplateType", "VersionName", "SharedAccounts")
    } == made["Template"]


def test_a_new_version_leaves_the_old_one_and_what_it_does_not_change(
    call: Caller, emptied: None
) -> None:
    call("CreateTemplate", TemplateName="one", Content=SLEEP, Tags={"a": "1"})
    as_json = json.dumps({"FormatVersion": "OOS-2019-06-01", "Tasks": [PAUSE]})
    changed = call("UpdateTemplate", TemplateName="ONE", Content=as_json, VersionName="second")
    assert changed["Template"]["TemplateVersion"] == "v2"
    assert changed["Template"]["TemplateName"] == "one"
    assert changed["Template"]["TemplateFormat"] == "JSON"
    assert changed["Template"]["Tags"] == {"a": "1"}
    assert call("GetTemplate", TemplateName="one")["Content"] == as_json
    assert call("GetTemplate", TemplateName="one", TemplateVersion="v1")["Content"] == SLEEP
    versions = call("ListTemplateVersions", TemplateName="one")["TemplateVersions"]
    assert [(one["TemplateVersion"], one["VersionName"]) for one in versions] == [
        ("v2", "second"),
        ("v1", ""),
    ]
    assert [one["TemplateFormat"] for one in versions] == ["JSON", "YAML"]


def test_versions_come_in_pages(call: Caller, emptied: None) -> None:
    call("CreateTemplate", TemplateName="many", Content=SLEEP)
    for _ in range(24):
        call("UpdateTemplate", TemplateName="many", Content=SLEEP)
    pages = paged(
        call, "ListTemplateVersions", "TemplateVersions", TemplateName="many", MaxResults=10
    )
    assert [len(page) for page in pages] == [10, 10, 5]
    assert [one["TemplateVersion"] for page in pages for one in page] == [
        f"v{number}" for number in range(25, 0, -1)
    ]


def test_an_execution_goes_on_with_the_version_that_it_began_with(
    it: Cloud, oos: Oos, call: Caller, emptied: None
) -> None:
    call("CreateTemplate", TemplateName="one", Content=template(PAUSE))
    execution_id = oos.started(TemplateName="one")
    oos.until(execution_id, "Waiting")
    call("UpdateTemplate", TemplateName="one", Content=SLEEP)
    call("DeleteTemplate", TemplateName="one", AutoDeleteExecutions=True)
    told = call("GetExecutionTemplate", ExecutionId=execution_id)
    assert told["Content"] == template(PAUSE)
    assert (told["Template"]["TemplateName"], told["Template"]["TemplateVersion"]) == ("one", "v1")
    oos.notify(execution_id, "Approve")
    assert oos.until(execution_id, "Success", "Failed")["Status"] == "Success"


def test_the_template_of_an_execution_is_told_with_what_is_known_of_it(
    oos: Oos, call: Caller, emptied: None
) -> None:
    call("CreateTemplate", TemplateName="one", Content=template(PAUSE), Tags={"a": "1"})
    stored = call("GetExecutionTemplate", ExecutionId=oos.started(TemplateName="one"))["Template"]
    assert (stored["Tags"], stored["TemplateFormat"]) == ({"a": "1"}, "YAML")
    content = template(PAUSE, Description={"en": "wait", "zh-cn": "等待"})
    given = call("GetExecutionTemplate", ExecutionId=oos.start(content))
    assert given["Content"] == content
    assert given["Template"]["TemplateName"] == ""
    assert json.loads(given["Template"]["Description"]) == {"en": "wait", "zh-cn": "等待"}


# Lists


def test_own_and_public_templates_are_listed_together(
    call: Caller, emptied: None, public: str
) -> None:
    call("CreateTemplate", TemplateName="mine", Content=SLEEP)
    assert {"mine", public} <= set(listed(call))
    assert listed(call, ShareType="Private") == ["mine"]
    assert public in listed(call, ShareType="Public")
    assert listed(call, CreatedBy="ACS") == listed(call, ShareType="Public")
    assert "mine" not in listed(call, CreatedBy="ACS")
    (told,) = call("ListTemplates", TemplateName=public[2:-2].lower())["Templates"]
    assert told["ShareType"] == "Public"
    assert (told["TotalExecutionCount"], told["CreatedBy"], told["Publisher"]) == (-1, "ACS", "ACS")
    (told,) = call("ListTemplates", ShareType="Private")["Templates"]
    assert (told["TotalExecutionCount"], told["Popularity"]) == (0, -1)


def test_a_public_template_has_a_text_and_one_version(oos: Oos, call: Caller, public: str) -> None:
    found = call("GetTemplate", TemplateName=public, TemplateVersion="v1")
    assert found["Content"] == template(PAUSE)
    assert found["Template"]["ShareType"] == "Public"
    versions = call("ListTemplateVersions", TemplateName=public, ShareType="Public")
    assert [one["TemplateVersion"] for one in versions["TemplateVersions"]] == ["v1"]
    execution_id = oos.started(TemplateName=public)
    assert oos.until(execution_id, "Waiting")["TemplateId"] == found["Template"]["TemplateId"]
    told = call("GetExecutionTemplate", ExecutionId=execution_id)["Template"]
    assert (told["TemplateName"], told["CreatedBy"]) == (public, "ACS")


@pytest.mark.parametrize(
    ("action", "values"),
    [
        ("UpdateTemplate", {"Content": SLEEP}),
        ("DeleteTemplate", {}),
        ("ListTemplateVersions", {"ShareType": "Private"}),
        ("GetTemplate", {"TemplateVersion": "v2"}),
    ],
)
def test_a_public_template_cannot_be_changed(
    call: Caller, public: str, action: str, values: dict[str, Any]
) -> None:
    code, _, message = refused(call, action, TemplateName=public, **values)
    assert code == "EntityNotExists.Template"
    assert public in message


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ({"TemplateName": "A-"}, ["a-sleep", "a-timer"]),
        ({"HasTrigger": True}, ["a-timer"]),
        ({"HasTrigger": False}, ["a-sleep", "b-json"]),
        ({"Category": "TimerTrigger"}, ["a-timer"]),
        ({"Category": "Other"}, ["a-sleep", "b-json"]),
        ({"Category": "Other", "HasTrigger": True}, []),
        ({"TemplateFormat": "JSON"}, ["b-json"]),
        ({"ResourceGroupId": "rg-b"}, ["b-json"]),
        ({"Tags": {"team": "web"}}, ["a-sleep"]),
        ({"Tags": {"team": ""}}, ["a-sleep", "b-json"]),
        ({"CreatedBy": "root"}, ["a-sleep", "a-timer", "b-json"]),
        ({"CreatedBy": "somebody"}, []),
        ({"TemplateType": "Automation"}, ["a-sleep", "a-timer", "b-json"]),
        ({"TemplateType": "State"}, []),
        ({"IsFavorite": True}, []),
        ({"IsExample": True}, []),
        ({"CreatedDateAfter": "2000-01-01T00:00:00Z"}, ["a-sleep", "a-timer", "b-json"]),
        ({"CreatedDateAfter": "2099-01-01T00:00:00Z"}, []),
        ({"CreatedDateBefore": "2000-01-01T00:00:00Z"}, []),
    ],
)
def test_templates_are_found_by_what_they_are(
    call: Caller, emptied: None, wanted: dict[str, Any], names: list[str]
) -> None:
    as_json = json.dumps({"FormatVersion": "OOS-2019-06-01", "Tasks": [PAUSE]})
    call("CreateTemplate", TemplateName="a-sleep", Content=SLEEP, Tags={"team": "web"})
    call("CreateTemplate", TemplateName="a-timer", Content=TIMER)
    call(
        "CreateTemplate",
        TemplateName="b-json",
        Content=as_json,
        ResourceGroupId="rg-b",
        Tags={"team": "db"},
    )
    order = {"SortField": "TemplateName", "SortOrder": "Ascending", "ShareType": "Private"}
    assert listed(call, **order, **wanted) == names


@pytest.mark.parametrize(
    ("field", "ascending"),
    [
        ("TotalExecutionCount", ["c", "b", "a"]),
        ("TemplateName", ["a", "b", "c"]),
        ("CreatedDate", ["b", "a", "c"]),
        ("UpdatedDate", ["a", "c", "b"]),
    ],
)
def test_templates_are_sorted_as_is_asked(
    it: Cloud, oos: Oos, call: Caller, emptied: None, field: str, ascending: list[str]
) -> None:
    for name in "bac":
        call("CreateTemplate", TemplateName=name, Content=template(PAUSE))
        it.advance(seconds=1)
    call("UpdateTemplate", TemplateName="b", Content=template(PAUSE))
    for name in "aab":
        oos.started(TemplateName=name)
    wanted = {"ShareType": "Private", "SortField": field}
    assert listed(call, **wanted, SortOrder="Ascending") == ascending
    assert listed(call, **wanted) == ascending[::-1]


def test_popular_is_what_is_public(call: Caller, emptied: None, public: str) -> None:
    call("CreateTemplate", TemplateName="zz", Content=SLEEP)
    assert listed(call, SortField="Popularity")[-1] == "zz"
    assert listed(call, SortField="Popularity", SortOrder="Ascending")[0] == "zz"


def test_templates_come_in_pages_that_bear_changes(
    call: Caller, emptied: None, public: str
) -> None:
    for number in range(25):
        call("CreateTemplate", TemplateName=f"t{number:02}", Content=SLEEP)
    wanted = {"SortField": "TemplateName", "SortOrder": "Ascending", "MaxResults": 10}
    first = call("ListTemplates", **wanted)
    call("CreateTemplate", TemplateName="a-late-one", Content=SLEEP)
    call("DeleteTemplate", TemplateName="t24")
    pages = paged(call, "ListTemplates", "Templates", token=first["NextToken"], **wanted)
    names = [one["TemplateName"] for page in [first["Templates"], *pages] for one in page]
    assert names == sorted(names, key=str.lower)
    assert [name for name in names if name.startswith("t")] == [f"t{n:02}" for n in range(24)]
    assert public in names


# Deleting


def test_templates_are_deleted_together_or_not_at_all(call: Caller, emptied: None) -> None:
    for name in ("one", "two"):
        call("CreateTemplate", TemplateName=name, Content=SLEEP)
    code, _, message = refused(call, "DeleteTemplates", TemplateNames='["one", "three"]')
    assert code == "EntityNotExists.Template" and "three" in message
    assert listed(call, ShareType="Private", SortField="TemplateName") == ["two", "one"]
    call("DeleteTemplates", TemplateNames='["one", "two"]')
    assert listed(call, ShareType="Private") == []


def test_executions_that_have_ended_go_with_their_template_where_one_asks_for_it(
    oos: Oos, call: Caller, emptied: None
) -> None:
    for name in ("kept", "gone"):
        call("CreateTemplate", TemplateName=name, Content=SLEEP)
    kept, gone = (oos.started(TemplateName=name) for name in ("kept", "gone"))
    for execution_id in (kept, gone):
        oos.until(execution_id, "Success")
    call("DeleteTemplate", TemplateName="kept")
    call("DeleteTemplate", TemplateName="gone", AutoDeleteExecutions=True)
    assert call("ListExecutions", ExecutionId=kept)["TotalCount"] == 1
    assert call("ListExecutions", ExecutionId=gone)["Executions"] == []
    assert call("ListExecutionLogs", ExecutionId=gone)["ExecutionLogs"] == []
    assert call("ListTaskExecutions", ExecutionId=gone)["TaskExecutions"] == []


def test_a_name_is_free_again_once_its_template_is_deleted(call: Caller, emptied: None) -> None:
    call("CreateTemplate", TemplateName="one", Content=SLEEP)
    assert refused(call, "CreateTemplate", TemplateName="ONE", Content=SLEEP)[0] == (
        "EntityAlreadyExists.Template"
    )
    call("DeleteTemplate", TemplateName="one")
    made = call("CreateTemplate", TemplateName="ONE", Content=SLEEP)
    assert made["Template"]["TemplateVersion"] == "v1"


# Checking


def test_a_template_is_told_as_it_was_understood(call: Caller) -> None:
    told = call("ValidateTemplateContent", Content=BULK)
    assert list(json.loads(told["Parameters"])) == ["targets", "commandContent", "rateControl"]
    assert json.loads(told["Outputs"])["said"]["Type"] == "List"
    assert [(one["Name"], one["Type"]) for one in told["Tasks"]] == [
        ("getInstance", "ACS::SelectTargets"),
        ("runCommand", "ACS::ECS::RunCommand"),
        ("rebootInstance", "ACS::ECS::RebootInstance"),
    ]
    assert json.loads(told["Tasks"][0]["Properties"])["Filters"] == ["{{ targets }}"]
    assert json.loads(told["Tasks"][1]["Outputs"]) == {
        "commandOutput": {"ValueSelector": "invocationOutput"}
    }


WRONG = """\
FormatVersion: OOS-2019-06-01
RamRole: OOSServiceRole
Task: []
Tasks:
  - Name: first
    Action: ACS::ExecuteApy
  - Name: second
    Action: ACS::ExecuteAPI
    Properties:
      Service: ECS
      API: DescribeInstances
    OnError: frist
    Outputs:
      ids: {Type: List, ValueSelector: 'Instances.Instance[.InstanceId'}
"""


@pytest.mark.parametrize(
    ("action", "values"),
    [
        ("ValidateTemplateContent", {"Content": WRONG}),
        ("CreateTemplate", {"Content": WRONG, "TemplateName": "wrong"}),
        ("StartExecution", {"TemplateContent": WRONG}),
    ],
)
def test_all_that_is_wrong_is_told_at_once_with_its_place(
    call: Caller, action: str, values: dict[str, Any]
) -> None:
    code, status, message = refused(call, action, **values)
    assert (code, status) == ("InvalidTemplate", 400)
    assert "Task: Task is not known here; do you mean Tasks? (line 3)" in message
    assert "Tasks[0].Action: there is no action ACS::ExecuteApy; do you mean" in message
    assert "(line 6)" in message
    assert 'Tasks[1].OnError: "frist" is no task' in message and "do you mean first?" in message


def test_a_selector_that_is_no_program_is_told_with_its_place(call: Caller) -> None:
    find = {
        **api("find", "DescribeInstances"),
        "Outputs": {"ids": {"ValueSelector": "Instances[."}},
    }
    content = template(find)
    _, _, message = refused(call, "ValidateTemplateContent", Content=content)
    assert "Tasks[0].Outputs.ids.ValueSelector" in message


def test_what_will_fail_here_is_a_warning_beside_the_answer(it: Cloud, call: Caller) -> None:
    content = template(api("find", "DescribeSnapshots"))
    told = classic(it.endpoint, sdk=OOS)("ValidateTemplateContent", Content=content)
    (warning,) = told["Warnings"]
    assert warning["Path"] == "Tasks[0].Properties.API"
    assert "DescribeSnapshots is not served here" in warning["Message"]
    assert warning["Line"] > 1
    assert "Warnings" not in call("ValidateTemplateContent", Content=content)


CONSTRAINED = template(
    PAUSE,
    Parameters={
        "size": {"Type": "Number", "MinValue": 1, "MaxValue": 3},
        "name": {"MinLength": 2, "MaxLength": 4, "AllowedPattern": "[a-z]+", "Default": "abc"},
        "kind": {"AllowedValues": ["x", "y"], "ConstraintDescription": {"en": "x or y"}},
        "free": {"Type": "Json"},
    },
)


def test_the_constraints_of_parameters_are_told(call: Caller, emptied: None) -> None:
    call("CreateTemplate", TemplateName="one", Content=CONSTRAINED)
    for wanted in ({"TemplateName": "one"}, {"TemplateContent": CONSTRAINED}):
        told = call("GetTemplateParameterConstraints", **wanted, Parameters='{"size": 2}')
        assert told["ParameterConstraints"] == {
            "size": {"Type": "Number", "MinValue": 1, "MaxValue": 3},
            "name": {"Type": "String", "MinLength": 2, "MaxLength": 4, "AllowedPattern": "[a-z]+"},
            "kind": {
                "Type": "String",
                "AllowedValues": ["x", "y"],
                "ConstraintDescription": {"en": "x or y"},
            },
            "free": {"Type": "Json"},
        }


def test_values_that_break_them_are_all_told(call: Caller) -> None:
    given = json.dumps({"size": 7, "kind": "z", "other": 1, "name": None})
    code, _, message = refused(
        call, "GetTemplateParameterConstraints", TemplateContent=CONSTRAINED, Parameters=given
    )
    assert code == "InvalidParameter.Parameters"
    assert "Parameters.size: 7 is more than 3" in message
    assert 'Parameters.kind: "z" is none of "x", "y": x or y' in message
    assert "Parameters.other: the template has no such parameter" in message
    assert "Parameters.free" not in message and "Parameters.name" not in message


# Risks


def embed(name: str, inner: str) -> dict[str, Any]:
    return {"Name": name, "Action": "ACS::Template", "Properties": {"TemplateName": inner}}


def test_risky_tasks_are_found_however_deep_they_are_embedded(call: Caller, emptied: None) -> None:
    inner = template(
        api("drop", "DeleteInstance", InstanceId="i-1"),
        api("quiet", "DeleteInstance", InstanceId="i-1", risk="Normal"),
        api("loud", "StopInstance", InstanceId="i-1", risk="High"),
        api("find", "DescribeInstances"),
    )
    call("CreateTemplate", TemplateName="inner", Content=inner)
    middle = template(embed("in", "inner"), embed("gone", "nowhere"))
    call("CreateTemplate", TemplateName="middle", Content=middle)
    outer = template(
        PAUSE,
        embed("down", "Middle"),
        {
            **embed("text", ""),
            "Properties": {
                "TemplateContent": template(api("end", "DeleteInstances", InstanceIds=["i-1"]))
            },
        },
    )
    call("CreateTemplate", TemplateName="outer", Content=outer)
    told = call("ListExecutionRiskyTasks", TemplateName="OUTER")["RiskyTasks"]
    assert told == [
        {
            "Service": "ECS",
            "API": "DeleteInstance",
            "Task": ["down", "in", "drop"],
            "Template": ["outer", "Middle", "inner"],
        },
        {
            "Service": "ECS",
            "API": "StopInstance",
            "Task": ["down", "in", "loud"],
            "Template": ["outer", "Middle", "inner"],
        },
        {
            "Service": "ECS",
            "API": "DeleteInstances",
            "Task": ["text", "end"],
            "Template": ["outer", ""],
        },
    ]


def test_templates_that_embed_each_other_have_an_end(call: Caller, emptied: None) -> None:
    for name, other in (("a", "b"), ("b", "a")):
        content = template(
            *(embed(f"again{n}", other) for n in range(40)),
            api("drop", "DeleteInstance", InstanceId="i-1"),
        )
        call("CreateTemplate", TemplateName=name, Content=content)
    told = call("ListExecutionRiskyTasks", TemplateName="a")["RiskyTasks"]
    assert {tuple(one["Template"]) for one in told} == {("a",), ("a", "b")}
    assert len(told) == 41


# The catalogue


def test_actions_are_listed_with_their_kind_and_what_they_take(call: Caller) -> None:
    found = {one["OOSActionName"]: one for one in call("ListActions", MaxResults=100)["Actions"]}
    assert set(found) >= {*ACTIONS, "ACS::ECS::RunCommand", "ACS::ECS::RebootInstance"}
    assert {name: found[name]["ActionType"] for name in ACTIONS} == {
        "ACS::AlarmTrigger": "Atomic.Trigger",
        "ACS::Approve": "Atomic.Control",
        "ACS::CheckFor": "Atomic.API",
        "ACS::Choice": "Atomic.Control",
        "ACS::EventTrigger": "Atomic.Trigger",
        "ACS::ExecuteAPI": "Atomic.API",
        "ACS::Notify": "Atomic.Control",
        "ACS::Pause": "Atomic.Control",
        "ACS::SelectTargets": "Atomic.Control",
        "ACS::Sleep": "Atomic.Control",
        "ACS::Template": "Atomic.Embedded",
        "ACS::TimerTrigger": "Atomic.Trigger",
        "ACS::WaitFor": "Atomic.API",
    }
    run = found["ACS::ECS::RunCommand"]
    assert (run["ActionType"], run["TemplateVersion"]) == ("Product.ECS", "v1")
    assert json.loads(run["Properties"])["timeout"] == {"Type": "Number", "Default": 600}
    assert json.loads(found["ACS::Choice"]["Properties"]) == {
        "DefaultTask": {"Type": "String", "Description": "a later task, ACS::NEXT or ACS::END"},
        "Choices": {"Type": "List", "Description": "each with `When`, a condition, and `NextTask`"},
    }
    assert json.loads(found["ACS::Sleep"]["Properties"])["Duration"]["Type"] == "String"
    assert "TemplateVersion" not in found["ACS::Sleep"]


def test_actions_are_found_by_a_part_of_their_name(call: Caller) -> None:
    found = call("ListActions", OOSActionName="trigger")["Actions"]
    assert [one["OOSActionName"] for one in found] == [
        "ACS::AlarmTrigger",
        "ACS::EventTrigger",
        "ACS::TimerTrigger",
    ]


def test_actions_come_in_pages(it: Cloud, call: Caller) -> None:
    library: Library = it.world.library
    extra = {f"acs::ecs::extra{n}": Text(name=f"ACS::ECS::Extra{n}", text=template(PAUSE))
             for n in range(20)}  # fmt: skip
    library.actions.update(extra)
    try:
        pages = paged(call, "ListActions", "Actions", MaxResults=20)
    finally:
        for name in extra:
            del library.actions[name]
    names = [one["OOSActionName"] for page in pages for one in page]
    assert len(pages[0]) == 20 and len(pages) > 1
    assert names == sorted(set(names))


def test_the_region_is_told_by_the_address_that_was_asked(it: Cloud, call: Caller) -> None:
    assert call("DescribeRegions", AcceptLanguage="en-US")["Regions"] == [
        {"RegionId": "cn-hangzhou", "LocalName": "cn-hangzhou", "RegionEndpoint": it.endpoint}
    ]


def test_a_template_can_be_started_from_a_template(
    it: Cloud, oos: Oos, call: Caller, emptied: None
) -> None:
    """Operations of OOS are served to tasks, too, each carried out once."""
    call("CreateTemplate", TemplateName="inner", Content=SLEEP)
    start = api("start", "StartExecution", TemplateName="inner")
    start["Properties"]["Service"] = "OOS"
    start["Outputs"] = {"id": {"ValueSelector": "Execution.ExecutionId"}}
    content = template(start, Outputs={"id": {"Type": "String", "Value": "{{ start.id }}"}})
    told = oos.until(oos.start(content, Parameters={}), "Success", "Failed")
    assert told["Status"] == "Success", told["StatusMessage"]
    inner = json.loads(told["Outputs"])["id"]
    assert oos.until(inner, "Success")["TemplateName"] == "inner"


def test_the_published_template_is_found_by_what_it_is_given(oos: Oos, call: Caller) -> None:
    execution_id = oos.start(BULK, Parameters=by_ids("i-nobody"))
    oos.until(execution_id, "Success", "Failed")
    found = call("ListExecutions", ResourceId="i-nobody")["Executions"]
    assert [one["ExecutionId"] for one in found] == [execution_id]


def test_an_earlier_version_is_started_and_told_and_has_its_constraints(
    oos: Oos, call: Caller, emptied: None
) -> None:
    parameter = {"Parameters": {"name": {"Type": "String", "AllowedValues": ["x"]}}}
    call("CreateTemplate", TemplateName="two", Content=template(PAUSE, **parameter))
    call("UpdateTemplate", TemplateName="two", Content=template(PAUSE), ResourceGroupId="rg-2")
    assert call("GetTemplate", TemplateName="two")["Template"]["ResourceGroupId"] == "rg-2"
    given = {"TemplateName": "two", "TemplateVersion": "v1"}
    constraints = call("GetTemplateParameterConstraints", **given)["ParameterConstraints"]
    assert list(constraints) == ["name"]
    execution_id = oos.started(**given, Parameters={"name": "x"})
    assert oos.get(execution_id)["TemplateVersion"] == "v1"
    call("CancelExecution", ExecutionId=execution_id)
    oos.until(execution_id, "Cancelled")
    call("DeleteTemplates", TemplateNames='["two"]', AutoDeleteExecutions=True)
    assert call("ListExecutions", ExecutionId=execution_id)["Executions"] == []
