"""The tasks of a template."""

from __future__ import annotations

from typing import Any

import pytest

from cloudhand.orchestration.expression import (
    Branches,
    Condition,
    Expression,
    Literal,
    Parameter,
    Pseudo,
)
from cloudhand.orchestration.model import END, NEXT, Aggregate, TaskSpec
from tests.unit.orchestration.made import problems, template

_CALL = "Action: ACS::ExecuteAPI, Properties: {Service: ECS, API: RunCommand}"
_WAIT = "Action: ACS::WaitFor, Properties: {Service: ECS, API: DescribeInstances"

_SUM = "{AggregateType: Fn::Sum, AggregateField: y}"


def task(text: str) -> TaskSpec:
    """The one with these attributes; another one comes after it."""
    return template(_with(text)).tasks[0]


def _with(text: str) -> str:
    return f"Tasks:\n  - {{Name: a, {text}}}\n  - {{Name: Next, Action: 'ACS::Pause'}}"


def wrong(text: str) -> str:
    return "\n".join(problems(_with(text)))


@pytest.mark.parametrize("action", ["ACS::ExecuteAPI", "ACS::ExecuteApi", "acs::executeapi"])
def test_actions_are_found_without_regard_to_case(action: str) -> None:
    found = task(f"Action: '{action}', Properties: {{service: ECS, api: RunCommand}}")
    assert found.action == "ACS::ExecuteAPI"
    assert found.properties == {"Service": Literal("ECS"), "API": Literal("RunCommand")}


def test_product_actions_are_templates() -> None:
    properties = "{instanceid: i-1, CommandType: RunShellScript, commandContent: ls}"
    found = task(f"Action: 'acs::ecs::runcommand', Properties: {properties}")
    assert found.action == "ACS::ECS::RunCommand"
    assert found.embedded
    assert set(found.properties) == {"instanceId", "commandType", "commandContent"}


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("Action: 'ACS::Pause'", "on_success", NEXT),
        ("Action: 'ACS::Pause'", "on_error", END),
        ("Action: 'ACS::Pause'", "on_cancel", END),
        ("Action: 'ACS::Pause'", "critical", True),
        ("Action: 'ACS::Pause'", "when", None),
        ("Action: 'ACS::Pause'", "loop", None),
        ("Action: 'ACS::Pause'", "embedded", False),
        ("Action: 'ACS::Pause'", "timeout", Literal(None)),
        ("Action: 'ACS::Pause', Timeout: 60", "timeout", Literal(60)),
        ("Action: 'ACS::Pause', OnSuccess: 'ACS::END'", "on_success", END),
        ("Action: 'ACS::Pause', OnSuccess: 'acs::end'", "on_success", END),
        ("Action: 'ACS::Pause', OnSuccess: END", "on_success", END),
        ("Action: 'ACS::Pause', OnError: 'ACS::NEXT'", "on_error", NEXT),
        ("Action: 'ACS::Pause', OnError: CONTINUE", "on_error", NEXT),
        ("Action: 'ACS::Pause', OnError: next", "on_error", "Next"),
        ("Action: 'ACS::Pause', OnCancel: NEXT", "on_cancel", "Next"),
        ("Action: 'ACS::Pause', IsCritical: false", "critical", False),
        ("Action: 'ACS::Pause', IsCritical: 'false'", "critical", False),
        ("Action: 'ACS::Pause', IsCritical: true", "critical", True),
        ("Action: 'ACS::Pause', When: true", "when", Literal(True)),
        ("Action: 'ACS::Pause', Description: {en: d}", "description", {"en": "d"}),
        ("Action: 'ACS::Pause'", "retry", {}),
        (_WAIT + ", PropertySelector: x, DesiredValues: [1]}, Retries: 3, DelayType: Constant",
         "retry", {"Retries": Literal(3), "DelayType": Literal("Constant")}),
    ],
)  # fmt: skip
def test_attributes(text: str, field: str, value: Any) -> None:
    assert getattr(task(text), field) == value


def test_a_condition_may_be_named() -> None:
    text = _with("Action: 'ACS::Pause', When: isIt") + "\nConditions: {IsIt: {'Fn::Not': true}}"
    assert template(text).tasks[0].when == Condition("isIt")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Description: b", "Tasks[0]: it has no Action"),
        ("Action: ''", "Tasks[0].Action: it has no Action"),
        ("Action: 1", "Tasks[0].Action: it has no Action"),
        ("Action: 'ACS::RunCommand'", "there is no action ACS::RunCommand"),
        ("Action: 'ACS::Puase'", "do you mean ACS::Pause?"),
        ("Action: 'ACS::ECS::RunComand'", "do you mean ACS::ECS::RunCommand?"),
        ("Action: 'ACS::Pause', Onsuccess: x", "do you mean OnSuccess?"),
        ("Action: 'ACS::Pause', OnSuccess: b", '"b" is no task, ACS::NEXT or ACS::END'),
        ("Action: 'ACS::Pause', OnSuccess: nxt", "do you mean Next?"),
        ("Action: 'ACS::Pause', OnSuccess: ''", '"" is no task'),
        ("Action: 'ACS::Pause', OnSuccess: [a]", '["a"] is no task'),
        ("Action: 'ACS::Pause', OnSuccess: a", "a does not come after: tasks lead forward only"),
        ("Action: 'ACS::Pause', OnError: A", "a does not come after"),
        ("Action: 'ACS::Pause', OnCancel: a", "a does not come after"),
        ("Action: 'ACS::Pause', When: [1]", "Tasks[0].When: [1] is no condition"),
        ("Action: 'ACS::Pause', When: 1", "1 is no condition"),
        ("Action: 'ACS::Pause', When: nobody", "there is no condition nobody"),
        ("Action: 'ACS::Pause', Retries: 3", "Tasks[0].Retries: ACS::Pause is not tried again"),
        ("Action: 'ACS::Pause', Loop: {Items: [1]}", "ACS::Pause cannot be looped"),
        ("Action: 'ACS::Pause', Properties: {x: 1}", "ACS::Pause has no such property"),
        ("Action: 'ACS::Pause', Properties: [1]", "Properties: it must be a map, not [1]"),
        ("Action: 'ACS::ExecuteAPI'", "Tasks[0]: ACS::ExecuteAPI needs Service"),
        (
            "Action: 'ACS::ExecuteAPI', Properties: {Service: ECS}",
            "Properties: ACS::ExecuteAPI needs API",
        ),
        ("Action: 'ACS::ExecuteAPI', Properties: {Servcie: ECS, API: x}", "do you mean Service?"),
        (_WAIT + "}", "ACS::WaitFor needs PropertySelector"),
        (
            _WAIT + ", PropertySelector: x}",
            "ACS::WaitFor needs either DesiredValues or NotDesiredValues",
        ),
        (_WAIT + ", PropertySelector: x, DesiredValues: [], NotDesiredValues: []}", "needs either"),
        (
            _WAIT + ", PropertySelector: x, DesiredValues: [], Retries: 3}",
            "Retries: it stands on the task",
        ),
        ("Action: 'ACS::Sleep', Properties: {}", "ACS::Sleep needs either Duration or EndDate"),
        (
            "Action: 'ACS::Template', Properties: {TemplateName: a, TemplateContent: b}",
            "needs either",
        ),
        (
            "Action: 'ACS::ECS::RunCommand', Properties: {instanceId: i}",
            "ACS::ECS::RunCommand needs commandType",
        ),
        (_CALL + ", Outputs: [1]", "Outputs: it must be a map, not [1]"),
        (
            _CALL + ", Outputs: {o: {ValueSelector: a}, O: {ValueSelector: b}}",
            "Tasks[0].Outputs.O: it is declared twice, as o, too",
        ),
        (
            f"{_CALL}, Loop: {{Items: [], Outputs: {{x: {_SUM}, X: {_SUM}}}}}",
            "Tasks[0].Loop.Outputs.X: it is declared twice",
        ),
        (_CALL + ", Outputs: {o: {}}", "Tasks[0].Outputs.o: it has no ValueSelector"),
        (_CALL + ", Outputs: {o: {ValueSelector: a, Typ: b}}", "do you mean Type?"),
        (_CALL + ", Loop: {}", "Tasks[0].Loop: it has no Items"),
        (_CALL + ", Loop: [1]", "Tasks[0].Loop: it must be a map"),
        (_CALL + ", Loop: {Items: [], Item: 1}", "do you mean Items?"),
        (_CALL + ", Loop: {Items: [], RateControl: {}, MaxErrors: 1}", "MaxErrors belongs into it"),
        (
            _CALL + ", Loop: {Items: [], RateControl: {Concurency: 2}}",
            "RateControl has no Concurency; do you mean Concurrency?",
        ),
        (
            _CALL + ", Loop: {Items: [], RateControl: {Mode: Batch}}",
            "Tasks[0].Loop.RateControl: Batch must be a list",
        ),
        (_CALL + ", Loop: {Items: [], MaxErrors: -1}", "-1 is less than 0"),
        (_CALL + ", Loop: {Items: [], Outputs: {x: {}}}", "null is none of Fn::ListJoin"),
        (
            _CALL
            + ", Loop: {Items: [], Outputs: {x: {AggregateType: Fn::Foo, AggregateField: y}}}",
            '"Fn::Foo" is none of',
        ),
        (
            _CALL + ", Loop: {Items: [], Outputs: {x: {AggregateType: Fn::ListJoin}}}",
            "AggregateField: it names no output of the task",
        ),
    ],
)
def test_what_is_wrong_with_a_task(text: str, problem: str) -> None:
    assert problem in wrong(text)


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        (["a", "A"], "Tasks[1].Name: there is a task A before"),
        (["a b", "c"], "Tasks[0].Name: a name has 1 to 200 letters, digits, - and _"),
        (["", "c"], "Tasks[0]: it has no Name"),
        (["a" * 201, "c"], "a name has 1 to 200"),
        ([1, "c"], "a name has 1 to 200"),
        (["a:b", "c"], "a name has 1 to 200"),
    ],
)
def test_names(names: list[Any], problem: str) -> None:
    tasks = "\n".join(f"  - {{Name: {name!r}, Action: 'ACS::Pause'}}" for name in names)
    assert problem in "\n".join(problems(f"Tasks:\n{tasks}"))


@pytest.mark.parametrize("tasks", ["[1]", "[[]]", "[~]", "[a]"])
def test_a_task_is_a_map(tasks: str) -> None:
    assert problems(f"Tasks: {tasks}")


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        (
            "Action: 'ACS::RDS::CreateBackup', Properties: {x: '{{ oos:y }}'}, Loop: {Items: []}",
            "ACS::RDS::CreateBackup is not served here: the task will fail",
        ),
        (
            "Action: 'ACS::ExecuteAPI', Properties: {Service: RDS, API: x}",
            "RDS.x is not served here: the task will fail",
        ),
        (
            "Action: 'ACS::ExecuteAPI', Properties: {Service: Ecs, API: StopEverything}",
            "Ecs.StopEverything is not served here",
        ),
    ],
)
def test_what_is_not_served_is_a_warning(text: str, warning: str) -> None:
    (found,) = template(_with(text)).warnings
    assert warning in str(found)


def test_what_is_served_or_not_yet_known_is_none() -> None:
    for text in (_CALL, "Action: ACS::ExecuteAPI, Properties: {Service: '{{ p }}', API: x}"):
        assert template(_with(text) + "\nParameters: {p: {}}").warnings == ()


def choice(properties: str, names: str = "b c") -> Expression:
    others = "".join(f"  - {{Name: {name}, Action: 'ACS::Pause'}}\n" for name in names.split())
    text = f"Tasks:\n  - {{Name: a, Action: 'ACS::Choice', Properties: {properties}}}\n{others}"
    return template(f"{text}Parameters: {{p: {{}}}}").tasks[0].properties["Next"]


def test_choices_are_one_property() -> None:
    found = choice(
        "{DefaultTask: 'ACS::END', Choices: [{When: '{{ p }}', NextTask: B},"
        " {When: true, NextTask: c}]}"
    )
    assert found == Branches(((Parameter("p"), "b"), (Literal(True), "c")), END)


@pytest.mark.parametrize(
    ("properties", "problem"),
    [
        ("{}", "Choices: it must be a list of at least one choice"),
        ("{DefaultTask: b, Choices: []}", "it must be a list of at least one choice"),
        ("{Choices: [{When: true, NextTask: b}]}", "it has no DefaultTask"),
        ("{DefaultTask: b, Choices: [1]}", "Choices[0]: it must be a map"),
        ("{DefaultTask: b, Choices: [{When: true}]}", "Choices[0].NextTask: null is no task"),
        ("{DefaultTask: b, Choices: [{NextTask: b}]}", "Choices[0].When: null is no condition"),
        ("{DefaultTask: b, Choices: [{When: no1, NextTask: b}]}", "there is no condition no1"),
        ("{DefaultTask: '{{ p }}', Choices: [{When: true, NextTask: b}]}", "is no task"),
        ("{DefaultTask: a, Choices: [{When: true, NextTask: b}]}", "a does not come after"),
        ("{DefaultTask: b, Choices: [{When: true, NextTask: A}]}", "a does not come after"),
        (
            "{DefaultTask: b, Choice: [], Choices: [{When: true, NextTask: b}]}",
            "do you mean Choices?",
        ),
    ],
)
def test_what_is_wrong_with_a_choice(properties: str, problem: str) -> None:
    found = _with(f"Action: 'ACS::Choice', Properties: {properties}").replace("Next,", "b,")
    assert problem in "\n".join(problems(found))


def test_many_choices_stand_side_by_side() -> None:
    many = ", ".join(["{When: false, NextTask: b}"] * 2000)
    found = choice(f"{{DefaultTask: c, Choices: [{many}]}}")
    assert isinstance(found, Branches)
    assert len(found.cases) == 2000


def test_a_loop() -> None:
    text = _CALL + ", Outputs: {one: {ValueSelector: x, Type: List}}, Loop: {Items: [1, 2]"
    found = task(
        f"{text}, RateControl: {{Mode: Batch, Batch: [1]}},"
        " Outputs: {all: {AggregateType: fn::listjoin, AggregateField: one}}}"
    )
    assert found.loop is not None
    assert found.loop.items == Literal([1, 2])
    assert found.loop.rate_control == Literal({"Mode": "Batch", "Batch": [1]})
    assert found.loop.outputs == (Aggregate(name="all", function="Fn::ListJoin", field="one"),)
    assert [(one.name, one.kind, one.selector) for one in found.outputs] == [
        ("one", "List", Literal("x"))
    ]


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("", None),
        ("Concurrency: 2", {"Legacy": True, "Concurrency": 2}),
        (
            "MaxErrors: 1, Mode: Concurrency",
            {"Legacy": True, "MaxErrors": 1, "Mode": "Concurrency"},
        ),
        ("RateControl: ~", None),
    ],
)
def test_older_loops_have_their_rate_control_beside_their_items(text: str, rate: Any) -> None:
    found = task(f"{_CALL}, Loop: {{Items: '{{{{ ACS::RegionId }}}}', {text}}}").loop
    assert found is not None
    assert found.items == Pseudo("RegionId")
    assert found.rate_control == Literal(rate)


def test_a_selector_may_be_a_function() -> None:
    found = task(_CALL + ", Outputs: {o: {ValueSelector: {'Fn::Sub': ['.${a}', {a: b}]}}}")
    assert not isinstance(found.outputs[0].selector, Literal)
