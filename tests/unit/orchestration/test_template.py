"""The text of a template to a template, with all that is wrong with it at once."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from cloudhand.core.errors import TemplateInvalid
from cloudhand.orchestration.document import Format
from cloudhand.orchestration.expression import Call, Literal, Parameter
from cloudhand.orchestration.parameters import Type
from tests.unit.orchestration.made import LIBRARY, problems, template


def parameter(text: str) -> Any:
    return template(f"Parameters: {{p: {text}}}").parameters["p"]


@pytest.mark.parametrize(
    ("text", "type"),
    [("{}", Type.STRING), ("{Type: String}", Type.STRING), ("{Type: number}", Type.NUMBER),
     ("{Type: Boolean}", Type.BOOLEAN), ("{Type: List}", Type.LIST), ("{Type: Json}", Type.JSON),
     ("{Type: Object}", Type.JSON), ("{Type: Array}", Type.LIST), ("{Type: Integer}", Type.NUMBER),
     ("{Type: int}", Type.NUMBER)],
)  # fmt: skip
def test_the_type_of_a_parameter(text: str, type: Type) -> None:
    assert parameter(text).type is type


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("{}", "default", None),
        ("{Default: ''}", "default", Literal("")),
        ("{Default: null}", "default", Literal(None)),
        ("{Default: '{{ ACS::RegionId }}'}", "name", "p"),
        ("{AllowedValues: [a, 1]}", "allowed_values", ("a", 1)),
        ("{AllowedValues: []}", "allowed_values", ()),
        ("{}", "allowed_values", None),
        ("{AllowedPattern: '^a'}", "allowed_pattern", "^a"),
        ("{MinLength: 1, MaxLength: '3'}", "length", (1, 3)),
        ("{MinLength: 1}", "length", (1, None)),
        ("{MinValue: -1.5, MaxValue: '3'}", "bounds", (-1.5, 3.0)),
        ("{ConstraintDescription: {en: no}}", "constraint", {"en": False}),
        ("{NoEcho: true}", "no_echo", True),
        ("{NoEcho: 'true'}", "no_echo", True),
        ("{NoEcho: false}", "no_echo", False),
        ("{Label: {en: a}, Description: b, AssociationProperty: c}", "no_echo", False),
        (
            "{AssociationPropertyMetadata: {Visible: {Condition: {'Fn::Equals': ['${x}', 1]}}}}",
            "no_echo",
            False,
        ),
    ],
)
def test_what_is_declared_of_a_parameter(text: str, field: str, value: Any) -> None:
    assert getattr(parameter(text), field) == value


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Parameters: []", "Parameters: it must be a map, not []"),
        ("Parameters: {p: 1}", "Parameters.p: it must be a map, not 1"),
        ("Parameters: {'a b': {}}", "a name has letters, digits, - and _ only"),
        ("Parameters: {a: {}, A: {}}", "Parameters.A: it is declared twice, as a, too"),
        (
            "Parameters: {p: {Typ: String}}",
            "Parameters.p.Typ: Typ is not known here; do you mean Type?",
        ),
        (
            "Parameters: {p: {Type: Strin}}",
            '"Strin" is none of String, Number, Boolean, List, Json; do you mean String?',
        ),
        ("Parameters: {p: {Type: 1}}", "1 is none of String"),
        ("Parameters: {p: {AllowedValues: a}}", "AllowedValues: it must be a list"),
        ("Parameters: {p: {AllowedPattern: 1}}", "AllowedPattern: it must be a text"),
        ("Parameters: {p: {MinLength: a}}", 'MinLength: "a" is no number'),
        ("Parameters: {p: {MaxValue: [1]}}", "MaxValue: [1] is no number"),
        (f"Parameters: {{p: {{MaxValue: 0x{'f' * 256}}}}}", "is nothing that JSON knows"),
        (f"Parameters: {{p: {{MaxValue: '{2**1024 - 1}'}}}}", "is no number"),
        (
            "Parameters: {p: {Default: {'Fn::If': 1, b: 2}}}",
            "Fn::If stands in a map with other keys",
        ),
        (
            "Conditions: {c: true}",
            "Conditions.c: a condition is made by Fn::And, Fn::Or, Fn::Not or Fn::Equals",
        ),
        ("Conditions: {c: [1]}", "Conditions.c: [1] is no condition"),
        ("Conditions: {c: {'Fn::Join': ['', []]}}", "a condition is made by"),
        (
            "Conditions: {c: {'Fn::Not': true}, C: {'Fn::Not': true}}",
            "Conditions.C: it is declared twice, as c, too",
        ),
        ("Outputs: {o: {}}", "Outputs.o: it has no Value"),
        ("Outputs: {o: x}", 'Outputs.o: it must be a map, not "x"'),
        ("Outputs: {o: {Value: 1, Vlaue: 2}}", "Vlaue is not known here; do you mean Value?"),
        ("Taskss: []", "Taskss is not known here; do you mean Tasks?"),
        ("FormatVersion: OOS-2018", "FormatVersion: it must be OOS-2019-06-01"),
        (
            "FormatVersion: OOS-2019-06-01-State",
            "templates of state configurations are not supported",
        ),
        ("Tasks: []", "Tasks: it must be a list of at least one task"),
        ("Tasks: {}", "Tasks: it must be a list of at least one task"),
        ("Tasks: ~", "Tasks: it must be a list of at least one task"),
    ],
)
def test_what_is_wrong_with_a_template(text: str, problem: str) -> None:
    assert problem in "\n".join(problems(text))


def test_everything_that_is_wrong_is_told_at_once_with_its_line() -> None:
    text = "Parameters:\n  p: {Type: X}\nTasks:\n  - Name: a\n    Action: ACS::Paus\n"
    text += "    OnError: b\nOutputs:\n  o: {Value: '{{ q }}'}\n"
    assert problems(text) == [
        'Parameters.p.Type: "X" is none of String, Number, Boolean, List, Json (line 3)',
        "Tasks[0].Action: there is no action ACS::Paus; do you mean ACS::Pause? (line 6)",
        'Tasks[0].OnError: "b" is no task, ACS::NEXT or ACS::END (line 7)',
        "Outputs.o.Value: there is no parameter q (line 9)",
    ]


def test_so_many_problems_are_told() -> None:
    found = problems("".join(f"a{n}: 1\n" for n in range(200)))
    assert len(found) == 101
    assert found[-1] == "there may be more"


_TEMPLATE = """
FormatVersion: OOS-2019-06-01
Description: {en: hello, zh-cn: 你好, name-en: n, categories: [c]}
Parameters:
  OOSAssumeRole: {Type: String, Default: ''}
  Ids: {Type: List}
RamRole: '{{ OOSAssumeRole }}'
Conditions:
  Many: {'Fn::Not': {'Fn::Equals': ['{{ ids }}', []]}}
Tasks:
  - {Name: one, Action: 'acs::pause', When: many}
Outputs:
  o: {Type: List, Value: '{{ IDS }}', Description: d}
Metadata:
  ALIYUN::OOS::Interface: {ParameterGroups: [{Parameters: [ids], Label: {default: {en: x}}}]}
"""


def test_a_whole_template() -> None:
    found = template(_TEMPLATE)
    assert [task.name for task in found.tasks] == ["one"]
    assert set(found.parameters) == {"oosassumerole", "ids"}
    assert found.ram_role == Parameter("OOSAssumeRole")
    assert isinstance(found.conditions["many"], Call)
    assert [(one.name, one.kind) for one in found.outputs] == [("o", "List")]
    assert found.raw["Description"]["zh-cn"] == "你好"
    assert found.format is Format.YAML
    assert found.warnings == ()
    assert found.trigger is None


def test_json_is_the_same() -> None:
    as_json = json.dumps(yaml.safe_load(_TEMPLATE))
    one, other = template(_TEMPLATE), LIBRARY.parse(as_json)
    assert other.format is Format.JSON
    assert (one.tasks, one.parameters, one.outputs) == (
        other.tasks,
        other.parameters,
        other.outputs,
    )


@pytest.mark.parametrize("role", ["", "RamRole: ''", "RamRole: ~"])
def test_a_template_without_a_role(role: str) -> None:
    assert template(role).ram_role == Literal("")


@pytest.mark.parametrize("trigger", ["TimerTrigger", "EventTrigger", "AlarmTrigger"])
def test_a_template_with_a_trigger(trigger: str) -> None:
    properties = "{Type: cron, Expression: '0 0 0 * * ?'}" if trigger == "TimerTrigger" else "{}"
    text = f"Tasks: [{{Name: t, Action: 'ACS::{trigger}', Properties: {properties}}}]"
    found = template(text).trigger
    assert found is not None
    assert found.name == "t"


def test_what_is_no_document_is_told() -> None:
    with pytest.raises(TemplateInvalid, match="it is no map"):
        LIBRARY.parse("hello")
