"""Values of templates with references and functions in them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudhand.orchestration.expression import (
    Branches,
    Call,
    Condition,
    Expression,
    Items,
    Literal,
    Members,
    Misshapen,
    Output,
    Parameter,
    Pseudo,
    Reference,
    Stored,
    Text,
    as_condition,
    calls,
    parse,
    references,
)
from tests.unit.orchestration.made import PLAIN


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("{{ name }}", Parameter("name")),
        ("{{name}}", Parameter("name")),
        ("{{\n  name\t}}", Parameter("name")),
        ("{{ a-b_1 }}", Parameter("a-b_1")),
        ("{{ task.output }}", Output("task", "output")),
        ("{{ task.Instances.Instance[].Id }}", Output("task", "Instances.Instance[].Id")),
        ("{{ task..x }}", Output("task", ".x")),
        ("{{ ACS::RegionId }}", Pseudo("RegionId")),
        ("{{ acs::regionid }}", Pseudo("regionid")),
        ("{{ oos:name }}", Stored("name", secret=False)),
        ("{{ oos:aliyun/services/a.b-c }}", Stored("aliyun/services/a.b-c", secret=False)),
        ("{{oos-secret:name}}", Stored("name", secret=True)),
        ("{{ OOS-Secret : name }}", Stored("name", secret=True)),
    ],
)
def test_a_whole_reference(text: str, reference: Reference) -> None:
    assert parse(text) == reference
    assert parse(f"a {text} b") == Text(("a ", reference, " b"))


@pytest.mark.parametrize(
    "text",
    ["", "a", "{ name }", "{{ }}", "{{}}", "{{.Names}}", "{{json .}}", "{{ a b }}", "{{ ünicode }}",
     "{{ a }", "{{{", "}}", "{{ resolve:oos:name }}", "${name}", "{{ 'x' }}", "{{ ACS:: }}",
     "{{ ACS::Other::Name }}", "{{ oos: }}", "{{ a.\n.b }}", "{{range .}}{{.}}{{end"],
)  # fmt: skip
def test_what_is_text(text: str) -> None:
    assert parse(text) == Literal(text)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("{{ a }}{{ b }}", (Parameter("a"), Parameter("b"))),
        ("{{ a }} ", (Parameter("a"), " ")),
        (" {{ a }}", (" ", Parameter("a"))),
        ("{{.x}} {{ a }}", ("{{.x}} ", Parameter("a"))),
        ("{{{ a }}}", ("{", Parameter("a"), "}")),
        ("{{ {{ a }} }}", ("{{ ", Parameter("a"), " }}")),
        ("{{ a.b }}-{{ ACS::X }}", (Output("a", "b"), "-", Pseudo("X"))),
    ],
)
def test_text_with_references(text: str, parts: tuple[Any, ...]) -> None:
    assert parse(text) == Text(parts)


@pytest.mark.parametrize(
    ("value", "expression"),
    [
        (1, Literal(1)),
        (None, Literal(None)),
        ([], Literal([])),
        ([1, {"a": "b"}], Literal([1, {"a": "b"}])),
        (["{{ a }}", 1], Items((Parameter("a"), Literal(1)))),
        ({"a": ["{{ b }}"]}, Members({"a": Items((Parameter("b"),))})),
        ({"{{ a }}": 1}, Literal({"{{ a }}": 1})),
        ({"Fn::Join": [",", ["a"]]}, Call("Fn::Join", Literal([",", ["a"]]))),
        ({"Fn::Not": {"Fn::Not": True}}, Call("Fn::Not", Call("Fn::Not", Literal(True)))),
        ({"fn::not": True}, Call("fn::not", Literal(True))),
        ({"${a}": {"Fn::Sub": "x"}}, Members({"${a}": Call("Fn::Sub", Literal("x"))})),
    ],
)
def test_data(value: Any, expression: Expression) -> None:
    assert parse(value) == expression


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"Fn::If": 1, "other": 2}, ()),
        ({"a": [{"x": 1, "Fn::If": 1}]}, ("a", 0)),
        ({"Fn::If": 1, "Fn::Not": 2}, ()),
    ],
)
def test_a_map_with_a_function_and_something_else(value: Any, path: tuple[Any, ...]) -> None:
    with pytest.raises(Misshapen, match="stands in a map with other keys") as refused:
        parse(value)
    assert refused.value.path == path


@pytest.mark.parametrize(
    ("value", "expression"),
    [
        ("isProd", Condition("isProd")),
        ("true", Literal("true")),
        ("FALSE", Literal("FALSE")),
        (True, Literal(True)),
        ("{{ a }}", Parameter("a")),
        ({"Fn::Not": "c"}, Call("Fn::Not", Condition("c"))),
        ({"Fn::And": ["c", True]}, Call("Fn::And", Items((Condition("c"), Literal(True))))),
        ({"fn::and": ["c"]}, Call("fn::and", Items((Condition("c"),)))),
        (
            {"Fn::Or": ["c", {"Fn::Not": "d"}, "{{ e }}"]},
            Call(
                "Fn::Or",
                Items((Condition("c"), Call("Fn::Not", Condition("d")), Parameter("e"))),
            ),
        ),
        ({"Fn::Or": "{{ list }}"}, Call("Fn::Or", Parameter("list"))),
        ({"Fn::Equals": ["c", "d"]}, Call("Fn::Equals", Literal(["c", "d"]))),
    ],
)
def test_where_a_condition_is_asked_for(value: Any, expression: Expression) -> None:
    assert as_condition(parse(value)) == expression


_EVERYTHING = Branches(
    (
        (Call("Fn::Not", Condition("c")), "x"),
        (Items((Parameter("p"), Members({"k": Text(("a", Output("t", "o")))}))), "y"),
        (Literal(True), "z"),
    ),
    "end",
)


def test_references_are_found_in_their_order() -> None:
    assert list(references(_EVERYTHING)) == [Condition("c"), Parameter("p"), Output("t", "o")]
    assert list(references(Pseudo("RegionId"))) == [Pseudo("RegionId")]
    assert list(references(Literal("{{ a }}"))) == []


def test_functions_are_found_the_outer_ones_first() -> None:
    found = parse({"a": {"Fn::If": [{"Fn::Not": "{{ p }}"}, {"Fn::First": ["{{ p }}"]}, 1]}})
    assert [call.function for call in calls(found)] == ["Fn::If", "Fn::Not", "Fn::First"]
    assert [call.function for call in calls(_EVERYTHING)] == ["Fn::Not"]


@given(PLAIN)
def test_data_without_braces_is_itself(value: Any) -> None:
    if "{{" not in str(value) and "fn::" not in str(value).lower():
        assert parse(value) == Literal(value)


@given(st.text(alphabet="{}: .a-\n", max_size=200))
def test_nothing_is_lost_of_a_text(text: str) -> None:
    """Whatever is no reference stays, character by character."""
    found = parse(text)
    match found:
        case Literal(value):
            assert value == text
        case Text(parts):
            left = text
            for part in parts:
                if isinstance(part, str):
                    assert part in left
                    left = left[left.index(part) + len(part) :]
        case _:
            assert text.startswith("{{")
            assert text.endswith("}}")


@pytest.mark.parametrize(
    "text", ["{{" + " " * 60_000, "{{" * 30_000, "{{ a " * 13_000, "}}" * 30_000, "{ " * 30_000]
)
@pytest.mark.timeout(5)
def test_no_text_takes_long(text: str) -> None:
    assert isinstance(parse(text), Literal | Text)
