"""What an expression is worth where it stands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudhand.orchestration import values
from cloudhand.orchestration.evaluation import EvaluationError, Evaluator, Scope
from cloudhand.orchestration.expression import (
    Branches,
    Call,
    Condition,
    Expression,
    Literal,
    Text,
    as_condition,
    parse,
)
from cloudhand.orchestration.secrets import MARK, SECRET, stand_in
from cloudhand.programs.pool import Pool
from tests.unit.orchestration.made import PLAIN, evaluated

_SCOPE = Scope(
    parameters={"name": "x", "number": 5, "flag": True, "list": ["a", 1], "map": {"k": "v"}},
    outputs={"first": {"ids": ["i-1"], "nothing": None}},
    pseudo={"regionid": "cn-hangzhou"},
    conditions={"yes": Literal(True), "no": Call("Fn::Not", Condition("yes"))},
    stored={"path/name": "kept"},
    mark="mark",
)
_PASS = stand_in("pass", "mark")


@pytest.fixture
async def programs() -> AsyncIterator[Pool]:
    pool = Pool()
    yield pool
    await pool.close()


def value(written: Any) -> Any:
    return asyncio.run(Evaluator(_SCOPE, Pool()).value(parse(written)))


def truth(expression: Expression) -> bool:
    return asyncio.run(Evaluator(_SCOPE, Pool()).truth(expression))


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("plain", "plain"),
        ("{{ name }}", "x"),
        ("{{ NAME }}", "x"),
        ("{{ number }}", 5),
        ("{{ flag }}", True),
        ("{{ list }}", ["a", 1]),
        ("{{ map }}", {"k": "v"}),
        ("{{ first.ids }}", ["i-1"]),
        ("{{ First.IDS }}", ["i-1"]),
        ("{{ first.nothing }}", None),
        ("{{ first.unknown }}", None),
        ("{{ second.unknown }}", None),
        ("{{ unknown }}", None),
        ("{{ ACS::RegionId }}", "cn-hangzhou"),
        ("{{ acs::REGIONID }}", "cn-hangzhou"),
        ("{{ oos:path/name }}", "kept"),
        ("{{ oos-secret:pass }}", _PASS),
        ("a {{ oos-secret:pass }}", {SECRET: ["a ", _PASS], MARK: "mark"}),
        ("{{ number }} {{ flag }} {{ name }}", "5 true x"),
        ("{{ list }}!", '["a",1]!'),
        ("{{ map }}{{ map }}", '{"k":"v"}{"k":"v"}'),
        ("<{{ first.nothing }}>", "<>"),
        (["{{ name }}", {"a": "{{ number }}"}], ["x", {"a": 5}]),
        ({"Fn::Join": ["-", ["{{ name }}", "{{ number }}"]]}, "x-5"),
        ({"Fn::If": ["{{ flag }}", "{{ name }}", {"Fn::Select": [0, "no list"]}]}, "x"),
        ({"Fn::If": [False, {"Fn::Select": [0, "no list"]}, "{{ name }}"]}, "x"),
        ({"Fn::If": ["true", 1, 2]}, 1),
        ({"Fn::If": [True, None, 2]}, None),
        ({"FN::IF": [True, 1, 2]}, 1),
        ({"Fn::Not": {"Fn::Equals": ["{{ number }}", "5"]}}, False),
    ],
)
def test_value(written: Any, found: Any) -> None:
    assert value(written) == found


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ({"Fn::If": [1, 2]}, "Fn::If: it takes [condition, then, else]"),
        ({"Fn::If": "{{ list }}"}, "Fn::If: it takes"),
        ({"Fn::If": ["{{ name }}", 1, 2]}, '"x" is neither true nor false'),
        ({"Fn::If": ["{{ unknown }}", 1, 2]}, "null is neither true nor false"),
        ({"Fn::Select": [0, "{{ name }}"]}, 'Fn::Select: "x" is no map'),
        ({"Fn::Jq": ["First", "."]}, "Fn::Jq: it takes [First or All, program, input]"),
        ({"Fn::Jq": "{{ name }}"}, "Fn::Jq: it takes"),
        ("{{ oos:other }}", "there is no parameter other in the parameter store"),
        ({"Fn::Jq": ["First", ".", "{{ oos-secret:pass }}"]}, "Fn::Jq cannot have the secret pass"),
    ],
)
def test_what_cannot_be_evaluated(written: Any, told: str) -> None:
    with pytest.raises(EvaluationError) as refused:
        value(written)
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("written", "found"),
    [(True, True), ("false", False), ("yes", True), ("NO", False), ("{{ flag }}", True),
     ({"Fn::And": ["yes", {"Fn::Not": "no"}]}, True), ({"Fn::Or": ["no", False]}, False),
     ({"Fn::Equals": ["yes", "yes"]}, True)],
)  # fmt: skip
def test_truth(written: Any, found: bool) -> None:
    assert truth(as_condition(parse(written))) is found


@pytest.mark.parametrize("written", ["{{ name }}", {"Fn::Join": ["", []]}, ["a"], 1])
def test_what_is_no_condition(written: Any) -> None:
    with pytest.raises(EvaluationError, match="is neither true nor false"):
        truth(as_condition(parse(written)))


def test_the_first_condition_that_is_true_decides() -> None:
    cases = ((Condition("no"), "a"), (Condition("yes"), "b"), (Literal("no condition"), "c"))
    assert asyncio.run(Evaluator(_SCOPE, Pool()).value(Branches(cases, "d"))) == "b"
    assert asyncio.run(Evaluator(_SCOPE, Pool()).value(Branches(cases[:1], "d"))) == "d"


@pytest.mark.parametrize(
    ("written", "found"),
    [
        (["First", ".a", {"a": [1, 2]}], [1, 2]),
        (["First", ".a[]", {"a": [1, 2]}], 1),
        (["first", ".a[]", {"a": []}], None),
        (["All", ".a[]", {"a": [1, 2]}], [1, 2]),
        (["ALL", ".a[]", '{"a": [1, 2]}'], [1, 2]),
        (["All", ".", "no JSON"], ["no JSON"]),
        (["All", ".", "NaN"], ["NaN"]),
        (["All", "length", "[" * 100_000], [100_000]),
        (["All", "map(. + 1)", "[1, 2]"], [[2, 3]]),
        (["First", "from_entries", [{"key": "a", "value": 1}]], {"a": 1}),
        (["First", 'select(.a == "{{ name }}")', {"a": "x"}], {"a": "x"}),
        (["First", "{{ list }} | length", None], 2),
        (["First", "{{ map }}.k", None], "v"),
        (["First", '"\\({{ number }})"', None], "5"),
        (["First", {"Fn::Join": ["", [".", "a"]]}, {"a": 1}], 1),
        (["First", 1, None], 1),
    ],
)
async def test_jq(programs: Pool, written: Any, found: Any) -> None:
    assert await Evaluator(_SCOPE, programs).value(parse({"Fn::Jq": written})) == found


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (["Some", ".", None], 'Fn::Jq: "Some" is neither First nor All'),
        (["First", ".[", None], "Fn::Jq: syntax error"),
        (["First", ".[]", 1], "Fn::Jq: Cannot iterate over number"),
        (["First", "a", {"a": 1}], "Fn::Jq: a/0 is not defined"),
    ],
)
async def test_a_jq_that_cannot_be(programs: Pool, written: Any, told: str) -> None:
    with pytest.raises(EvaluationError) as refused:
        await Evaluator(_SCOPE, programs).value(parse({"Fn::Jq": written}))
    assert told in str(refused.value)


# What holds for whatever a parameter is.


@given(PLAIN)
def test_a_whole_reference_keeps_its_type(one: Any) -> None:
    found = evaluated("{{ p }}", parameters={"p": one})
    assert found == one
    assert type(found) is type(one)
    assert evaluated(["{{ P }}"], parameters={"p": one}) == [one]


@given(PLAIN, st.text(alphabet="abc <>", min_size=1))
def test_a_reference_in_a_text_becomes_text(one: Any, around: str) -> None:
    found = evaluated(f"{around}{{{{ p }}}}{around}", parameters={"p": one})
    assert found == f"{around}{values.text(one)}{around}"


@given(st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,20}", fullmatch=True), PLAIN)
def test_case_does_not_matter(name: str, one: Any) -> None:
    for written in (name, name.upper(), name.lower(), name.swapcase()):
        assert evaluated(f"{{{{ {written} }}}}", parameters={name.lower(): one}) == one
        reference = f"{{{{ task.{written} }}}}"
        assert evaluated(reference, outputs={"task": {name.lower(): one}}) == one


@given(st.text())
def test_what_comes_in_through_a_value_is_not_looked_at_again(text: str) -> None:
    hostile = f"{{{{ other }}}}{text}"
    assert evaluated("a{{ p }}", parameters={"p": hostile, "other": "no"}) == f"a{hostile}"


# Bounds


def test_what_would_become_too_large_is_refused() -> None:
    large = "x" * 100_000
    with pytest.raises(EvaluationError, match="it would be larger than 4194304 characters"):
        evaluated(["{{ p }}"] * 50, parameters={"p": large})
    assert evaluated(["{{ p }}"] * 40, parameters={"p": large}) == [large] * 40


@pytest.mark.parametrize("depth", [120, 140])
def test_conditions_are_followed_to_a_depth(depth: int) -> None:
    conditions: dict[str, Expression] = {f"c{n}": Condition(f"c{n + 1}") for n in range(depth)}
    conditions[f"c{depth}"] = Literal(True)
    evaluator = Evaluator(Scope(conditions=conditions), Pool())
    if depth < 128:
        assert asyncio.run(evaluator.value(Condition("c0"))) is True
        assert asyncio.run(evaluator.value(Condition("c0"))) is True
    else:
        with pytest.raises(EvaluationError, match="nested deeper than 128 levels"):
            asyncio.run(evaluator.value(Condition("c0")))


def test_a_text_of_nothing_but_references_is_a_text() -> None:
    assert parse("{{ a }}{{ b }}") == Text((parse("{{ a }}"), parse("{{ b }}")))  # type: ignore[arg-type]
    assert evaluated("{{ a }}{{ b }}", parameters={"a": 1, "b": 2}) == "12"
