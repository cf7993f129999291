"""What of an execution is hidden, because a parameter of its template has NoEcho."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from cloudhand.core.execution import Execution, Hidden, TemplateRef
from cloudhand.core.ids import ExecutionId, TaskExecutionId
from cloudhand.core.task import TaskExecution
from cloudhand.orchestration import hiding, secrets
from cloudhand.orchestration.actions.library import Library
from cloudhand.orchestration.hiding import Hiding
from cloudhand.orchestration.model import Template

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TEMPLATE = """
FormatVersion: OOS-2019-06-01
Parameters:
  Password: {NoEcho: true}
  greeting: {Default: "hello {{ password }}"}
  louder: {Default: "{{ greeting }}!"}
  open: {Default: x}
Conditions:
  empty: {"Fn::Equals": ["{{ Password }}", ""]}
Tasks:
- Name: login
  Action: ACS::ExecuteAPI
  When: {"Fn::Not": empty}
  Properties:
    Service: ECS
    API: "{{ open }}"
    Parameters:
      Header: {"Fn::Base64Encode": "{{ password }}"}
      Many: [a, "{{ Louder }}"]
      Open: "{{ open }}"
  Outputs:
    echo: {ValueSelector: '.[] | select(. == "{{ password }}")'}
    session: {ValueSelector: Session}
- Name: each
  Action: ACS::ECS::RunCommand
  Loop:
    Items: {"Fn::Split": [",", "{{ password }}"]}
    Outputs:
      said: {AggregateType: "Fn::ListJoin", AggregateField: invocationOutput}
  Properties:
    instanceId: "{{ ACS::TaskLoopItem }}"
    commandType: RunShellScript
    commandContent: "{{ login.echo }}"
    workingDir: "{{ login.session }}"
- Name: inner
  Action: ACS::Template
  Properties:
    TemplateName: other
    Parameters: {Inner: "{{ greeting }}", open: "{{ open }}"}
- Name: whole
  Action: ACS::Template
  Properties: {TemplateName: other, Parameters: "{{ louder }}"}
Outputs:
  Shown: {Value: "{{ open }}"}
  Made: {Value: {"Fn::Join": ["", ["{{ louder }}"]]}}
"""


def template() -> Template:
    return Library({"ecs": frozenset({"x"})}).parse(TEMPLATE)


def hidden(name: str) -> set[tuple[str | int, ...]]:
    found = template()
    return set(Hiding(found).of_task(found.task(name)))


def test_parameters_that_are_made_of_hidden_ones_are_hidden_and_so_are_outputs() -> None:
    assert Hiding(template()).of_execution() == Hidden(
        parameters=frozenset({"password", "greeting", "louder"}), outputs=frozenset({"made"})
    )


def test_who_gives_a_parameter_may_hide_it() -> None:
    assert "open" in Hiding(template(), ["open"]).of_execution().parameters


def test_what_a_task_is_given_is_hidden_as_far_as_it_must() -> None:
    assert hidden("login") == {
        ("properties", "Parameters", "Header"),
        ("properties", "Parameters", "Many", 1),
        ("outputs", "echo"),
    }
    assert hidden("each") == {
        ("item",),
        ("properties", "instanceId"),
        ("properties", "commandContent"),
    }


def test_what_is_hidden_is_hidden_in_an_embedded_template() -> None:
    found = template()

    def given(name: str) -> set[str]:
        spec = found.task(name)
        names = ["Inner", "open", "Third"]
        return hiding.given_to_embedded(spec, Hiding(found).of_task(spec), names)

    assert given("each") == {"instanceid", "commandcontent"}
    assert given("inner") == {"inner"}
    assert given("whole") == {"inner", "open", "third"}


def execution(**changes: Any) -> Execution:
    made = Execution(
        id=ExecutionId("exec-1"),
        root_id=ExecutionId("exec-1"),
        template=TemplateRef(name="", hash=""),
        created_at=NOW,
        updated_at=NOW,
        due_at=None,
        executed_by="me",
        account_id="1",
        region_id="r",
        mark="m",
    )
    return replace(made, **changes)


def test_a_hidden_parameter_is_not_shown() -> None:
    one = execution(
        parameters={"Password": "x", "open": "y", "stored": secrets.stand_in("db", "m")},
        outputs={"Made": "x!", "other": 1},
        hidden=Hidden(parameters=frozenset({"password"}), outputs=frozenset({"made"})),
    )
    shown = hiding.shown_execution(one)
    assert shown.parameters == {"Password": "****", "open": "y", "stored": "{{oos-secret:db}}"}
    assert shown.outputs == {"Made": "****", "other": 1}


def test_the_run_of_a_task_is_shown_without_what_is_hidden() -> None:
    task = TaskExecution(
        id=TaskExecutionId("exec-1.t0001.0001"),
        execution_id=ExecutionId("exec-1"),
        name="t",
        action="a",
        index=0,
        item="secret item",
        created_at=NOW,
        updated_at=NOW,
        properties={"Parameters": {"Header": "x", "Many": ["a", "x"]}, "Gone": None},
        outputs={"echo": "x", "text": [secrets.stand_in("db", "m")]},
        hidden=(
            ("item",),
            ("properties", "Parameters", "Header"),
            ("properties", "Parameters", "Many", 1),
            ("properties", "Parameters", "Many", 7),
            ("properties", "Gone"),
            ("properties", "absent", "deep"),
            ("outputs", "echo"),
        ),
    )
    shown = hiding.shown_task(task)
    assert shown.properties == {
        "Parameters": {"Header": "****", "Many": ["a", "****"]},
        "Gone": None,
    }
    assert shown.outputs == {"echo": "****", "text": ["{{oos-secret:db}}"]}
    assert shown.item == "****"


def test_all_texts_and_numbers_of_hidden_parameters_are_known_to_whoever_scrubs() -> None:
    one = execution(
        parameters={"p": {"a": ["one", 2, True, None]}, "open": "three"},
        hidden=Hidden(parameters=frozenset({"p"})),
    )
    assert hiding.texts(one) == {"one", "2"}
