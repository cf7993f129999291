"""What the names in a template mean: each is known, and comes before its use."""

from __future__ import annotations

import pytest

from cloudhand.orchestration.expression import Literal
from tests.unit.orchestration.made import problems, template

_TASKS = """
Tasks:
  - Name: first
    Action: ACS::ExecuteAPI
    Properties: {Service: ECS, API: DescribeInstances}
    Outputs: {ids: {Type: List, ValueSelector: 'Instances.Instance[].InstanceId'}}
  - Name: looped
    Action: ACS::ExecuteAPI
    Properties: {Service: ECS, API: RunCommand, Parameters: {X: '{{ ACS::TaskLoopItem }}'}}
    Outputs: {each: {ValueSelector: A}}
    Loop:
      Items: '{{ first.ids }}'
      Outputs: {all: {AggregateType: Fn::ListJoin, AggregateField: each}}
  - Name: last
    Action: ACS::ExecuteAPI
    Properties: {Service: ECS, API: RunCommand, Parameters: {X: %s}}
"""


def told(value: str, more: str = "") -> list[str]:
    """What is wrong when the last task is given this."""
    return problems(f"{_TASKS % value}\n{more}")


@pytest.mark.parametrize(
    "value",
    [
        "'{{ first.ids }}'",
        "'{{ FIRST.IDS }}'",
        "'{{ looped.all }}'",
        "'{{ looped.each }}'",
        "'{{ first.TotalCount }}'",
        "'{{ first.Instances.Instance[].Tags | length }}'",
        "'{{ ACS::regionid }} {{ ACS::ExecutionId }} {{ ACS::CurrentUTCTime }}'",
        "'{{ ACS::AccountId }} {{ ACS::CurrentDate }} {{ ACS::ExecuteUser }}'",
        "'{{ ACS::OOSUtilVersion }} {{ oos:a/b }} {{ oos-secret:c }}'",
    ],
)
def test_what_is_known(value: str) -> None:
    assert told(value) == []


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("'{{ pram }}'", "there is no parameter pram"),
        ("'{{ other.x }}'", "there is no task other"),
        ("'{{ frist.ids }}'", "there is no task frist; do you mean first?"),
        ("'{{ last.x }}'", "last does not come before"),
        ("'{{ first.id }}'", "first has no output id; do you mean ids?"),
        ("'{{ looped.al }}'", "looped is looped and has no output al; do you mean all?"),
        ("'{{ looped.a.b }}'", "looped is looped and has no output a.b"),
        ("'{{ ACS::RegoinId }}'", "there is no ACS::RegoinId; do you mean RegionId?"),
        ("'{{ ACS::TaskLoopItem }}'", "ACS::TaskLoopItem is known inside of a looped task only"),
        ("{'Fn::Joyn': []}", "there is no function Fn::Joyn; do you mean Fn::Join?"),
        ("{'Fn::If': ['{{ a }}', 1, 2]}", "there is no parameter a"),
        ("{'Fn::X': [{'Fn::Y': 1}]}", "there is no function Fn::X"),
    ],
)
def test_what_is_not_known(value: str, problem: str) -> None:
    assert problem in told(value)[0]
    assert told(value)[0].startswith("Tasks[2].Properties.Parameters")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Parameters: {p: {Default: '{{ q }}'}}", "Parameters.p.Default: there is no parameter q"),
        ("Parameters: {p: {Default: '{{ only.x }}'}}", "only does not come before"),
        ("Parameters: {p: {Default: '{{ ACS::TaskLoopItem }}'}}", "inside of a looped task only"),
        ("RamRole: '{{ role }}'", "RamRole: there is no parameter role"),
        ("RamRole: '{{ oos:role }}'", "a role cannot come from the parameter store"),
        ("Outputs: {o: {Value: '{{ none.x }}'}}", "Outputs.o.Value: there is no task none"),
        ("Conditions: {c: {'Fn::Not': d}}", "Conditions.c: there is no condition d"),
        ("Conditions: {c: {'Fn::Not': c}}", "Conditions.c: it depends on itself"),
        (
            "Conditions: {c: {'Fn::And': [d, true]}, d: {'Fn::Not': c}}",
            "Conditions.c: it depends on itself, or on one that does",
        ),
        (
            "Conditions: {c: {'Fn::Equals': ['{{ nobody.x }}', 1]}}",
            "Conditions.c: there is no task nobody",
        ),
    ],
)
def test_what_is_not_known_elsewhere(text: str, problem: str) -> None:
    assert problem in "\n".join(problems(text))


def test_conditions_may_name_each_other_in_any_order() -> None:
    found = template(
        "Conditions: {a: {'Fn::Not': B}, b: {'Fn::Or': [C, d]}, d: {'Fn::Not': c}, "
        "c: {'Fn::Equals': [1, 1]}}"
    )
    assert set(found.conditions) == {"a", "b", "c", "d"}


def test_only_those_that_cannot_be_settled_are_told() -> None:
    text = "Conditions: {a: {'Fn::Not': b}, b: {'Fn::Not': a}, c: {'Fn::Not': a}, d: {'Fn::Not': e}"
    text += ", e: {'Fn::Not': true}}"
    assert [line.split(":")[0] for line in problems(text)] == [
        "Conditions.a",
        "Conditions.b",
        "Conditions.c",
    ]


def test_what_is_named_without_being_declared_becomes_an_output() -> None:
    found = template(_TASKS % "'{{ first.Total.Count }}{{ looped.each }}'")
    (_, direct) = found.task("first").outputs
    assert (direct.name, direct.kind) == ("Total.Count", "List")
    assert direct.selector == Literal("Total.Count")
    loop = found.task("looped").loop
    assert loop is not None
    assert [(one.name, one.function, one.field) for one in loop.outputs] == [
        ("all", "Fn::ListJoin", "each"),
        ("each", "Fn::ListJoin", "each"),
    ]


def test_an_aggregate_of_what_is_not_declared_selects_it() -> None:
    text = _TASKS.replace("AggregateField: each", "AggregateField: commandOutput")
    (_, wanted) = template(text % 1).task("looped").outputs
    assert (wanted.name, wanted.kind) == ("commandOutput", "String")
    assert wanted.selector == Literal("commandOutput")


def test_a_task_knows_whose_outputs_it_needs() -> None:
    text = _TASKS % "'{{ FIRST.ids }}'"
    text += "    When: viaCondition\n"
    text += "Conditions:\n"
    text += "  viaCondition: {'Fn::And': [other, other]}\n"
    text += "  other: {'Fn::Equals': ['{{ looped.all }}', []]}\n"
    found = template(text)
    assert found.task("first").needs == frozenset()
    assert found.task("looped").needs == {"first"}
    assert found.task("last").needs == {"first", "looped"}


def test_a_trigger_can_only_come_first() -> None:
    text = "Tasks: [{Name: a, Action: 'ACS::Pause'}, {Name: b, Action: 'ACS::EventTrigger'}]"
    assert "Tasks[1].Action: a trigger can only be the first task" in problems(text)[0]


def test_where_names_stand_in_a_task() -> None:
    text = """
Tasks:
  - Name: a
    Action: ACS::WaitFor
    When: '{{ p1 }}'
    Properties: {Service: E, API: D, PropertySelector: "{{ p2 }}", DesiredValues: []}
    Outputs: {o: {ValueSelector: '.{{ p3 }}'}}
    Retries: '{{ p4 }}'
    Timeout: '{{ p5 }}'
    Loop: {Items: '{{ p6 }}', RateControl: '{{ p7 }}'}
"""
    assert [line.partition(" (line")[0] for line in problems(text)] == [
        "Tasks[0].When: there is no parameter p1",
        "Tasks[0].Properties.PropertySelector: there is no parameter p2",
        "Tasks[0].Outputs.o.ValueSelector: there is no parameter p3",
        "Tasks[0].Retries: there is no parameter p4",
        "Tasks[0].Timeout: there is no parameter p5",
        "Tasks[0].Loop.Items: there is no parameter p6",
        "Tasks[0].Loop.RateControl: there is no parameter p7",
    ]


def test_the_item_is_known_to_what_is_of_the_item() -> None:
    text = """
Tasks:
  - Name: a
    Action: ACS::ExecuteAPI
    When: {'Fn::Equals': ['{{ ACS::TaskLoopItem }}', 1]}
    Properties: {Service: ECS, API: RunCommand, Parameters: {X: '{{ acs::taskloopitem }}'}}
    Outputs: {o: {ValueSelector: '.[{{ ACS::TaskLoopItem }}]'}}
    Loop: {Items: [1]}
"""
    assert problems(text) == []
    wrong = text.replace("Items: [1]", "Items: '{{ ACS::TaskLoopItem }}'")
    assert "known inside of a looped task only" in problems(wrong)[0]


def test_so_many_outputs_may_be_named_without_being_declared() -> None:
    names = "".join(f"{{{{ first.a.b{n} }}}}" for n in range(100))
    assert told(f"'{names}{{{{ first.A.B5 }}}}'") == []
    more = told(f"'{names}{{{{ first.x.y }}}}'")
    assert "more than 100 outputs of first are named and not declared" in more[0]
