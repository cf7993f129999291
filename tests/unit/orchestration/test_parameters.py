"""What a start makes of the parameters of a template."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudhand.orchestration import parameters, values
from cloudhand.orchestration.evaluation import Scope
from cloudhand.orchestration.parameters import Declared, Type, convert
from cloudhand.orchestration.secrets import stand_in
from cloudhand.programs.pool import Pool
from tests.unit.orchestration.made import PLAIN, template


@pytest.mark.parametrize(
    ("type", "value", "found"),
    [
        (Type.STRING, "a", "a"),
        (Type.STRING, "", ""),
        (Type.STRING, 5, "5"),
        (Type.STRING, 1.5, "1.5"),
        (Type.STRING, True, "true"),
        (Type.STRING, ["a", 1], '["a",1]'),
        (Type.STRING, {"a": "ü"}, '{"a":"ü"}'),
        (Type.NUMBER, 5, 5),
        (Type.NUMBER, "5", 5),
        (Type.NUMBER, "1.5", 1.5),
        (Type.BOOLEAN, True, True),
        (Type.BOOLEAN, "true", True),
        (Type.BOOLEAN, "False", False),
        (Type.LIST, ["a"], ["a"]),
        (Type.LIST, [], []),
        (Type.LIST, "a", ["a"]),
        (Type.LIST, "", [""]),
        (Type.LIST, '["a", 1]', ["a", 1]),
        (Type.LIST, " [1]", [1]),
        (Type.LIST, "[a", ["[a"]),
        (Type.LIST, 5, [5]),
        (Type.LIST, {"a": 1}, [{"a": 1}]),
        (Type.JSON, {"a": 1}, {"a": 1}),
        (Type.JSON, '{"a": 1}', {"a": 1}),
        (Type.JSON, "[1]", [1]),
        (Type.JSON, "5", 5),
        (Type.JSON, "true", True),
        (Type.JSON, "null", None),
        (Type.JSON, "", None),
        (Type.JSON, " ", None),
        (Type.JSON, "text", "text"),
        (Type.JSON, '"text"', "text"),
        (Type.JSON, '"{\\"a\\": 1}"', {"a": 1}),
        (Type.JSON, "{a: 1}", "{a: 1}"),
        (Type.JSON, "NaN", "NaN"),
        (Type.JSON, "[1e999]", "[1e999]"),
        (Type.JSON, "[" * 2000, "[" * 2000),
        (Type.JSON, 5, 5),
    ],
)
def test_convert(type: Type, value: Any, found: Any) -> None:
    converted = convert(value, type)
    assert converted == found
    assert converted.__class__ is found.__class__


@pytest.mark.parametrize(
    ("type", "value", "told"),
    [
        (Type.NUMBER, "a", '"a" is no number'),
        (Type.NUMBER, True, "true is no number"),
        (Type.NUMBER, "nan", "is no number"),
        (Type.NUMBER, float("inf"), "is no number"),
        (Type.NUMBER, [1], "[1] is no number"),
        (Type.BOOLEAN, "yes", '"yes" is neither true nor false'),
        (Type.BOOLEAN, 1, "1 is neither true nor false"),
    ],
)
def test_what_cannot_be_converted(type: Type, value: Any, told: str) -> None:
    with pytest.raises(ValueError) as refused:
        convert(value, type)
    assert told in str(refused.value)


_JSONS = st.recursive(PLAIN, lambda inner: inner.map(json.dumps), max_leaves=3)


@given(st.sampled_from(Type), _JSONS)
def test_what_is_converted_stays_as_it_is(type: Type, value: Any) -> None:
    try:
        once = convert(value, type)
    except ValueError:
        return
    values.check(once)
    again = None if once is None else convert(once, type)
    assert again == once
    assert again.__class__ is once.__class__


async def _resolved(declared: str, given: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    found = template(f"Parameters: {declared}")
    pool = Pool()
    try:
        values, problems = await parameters.resolve(
            found.parameters,
            given,
            scope=Scope(
                pseudo={"regionid": "cn-hangzhou"}, stored={"kept": "stored value"}, mark="mark"
            ),
            programs=pool,
        )
    finally:
        await pool.close()
    return values, [str(problem) for problem in problems]


def resolved(declared: str, **given: Any) -> dict[str, Any]:
    found, problems = asyncio.run(_resolved(declared, given))
    assert problems == []
    return found


def refused(declared: str, **given: Any) -> list[str]:
    _, problems = asyncio.run(_resolved(declared, given))
    return problems


@pytest.mark.parametrize(
    ("declared", "given", "found"),
    [
        ("{a: {}}", {"a": "x"}, {"a": "x"}),
        ("{a: {}}", {"A": 5}, {"a": "5"}),
        ("{a: {Default: y}}", {}, {"a": "y"}),
        ("{a: {Default: y}}", {"a": None}, {"a": "y"}),
        ("{a: {Default: y}}", {"a": ""}, {"a": ""}),
        ("{a: {Default: ~}}", {}, {"a": None}),
        ("{a: {Type: String, Default: 5}}", {}, {"a": "5"}),
        ("{a: {Type: String, Default: false}}", {}, {"a": "false"}),
        ("{a: {Type: Number, Default: '5'}}", {}, {"a": 5}),
        ("{a: {Type: List, Default: x}}", {}, {"a": ["x"]}),
        ("{a: {Type: Boolean, Default: 'true'}}", {}, {"a": True}),
        ("{a: {Type: Json, Default: '{\"b\": 1}'}}", {}, {"a": {"b": 1}}),
        ("{a: {Default: '{{ ACS::RegionId }}'}}", {}, {"a": "cn-hangzhou"}),
        ("{a: {Default: 'x-{{ oos:kept }}'}}", {}, {"a": "x-stored value"}),
        (
            "{a: {Default: '{{ b }}!'}, b: {Default: '{{ c }}'}, c: {}}",
            {"c": "z"},
            {"a": "z!", "b": "z", "c": "z"},
        ),
        (
            "{a: {Type: Json, Default: {x: ['{{ B }}']}}, b: {Type: Number}}",
            {"b": "3"},
            {"a": {"x": [3]}, "b": 3},
        ),
        (
            "{a: {Default: {'Fn::Join': ['-', ['{{ b }}', 1]]}}, b: {Default: y}}",
            {},
            {"a": "y-1", "b": "y"},
        ),
        # An author may put there what no caller may give.
        ("{a: {Default: '', MinLength: 1, AllowedValues: [x]}}", {}, {"a": ""}),
    ],
)
def test_values(declared: str, given: dict[str, Any], found: dict[str, Any]) -> None:
    assert resolved(declared, **given) == found


@pytest.mark.parametrize(
    ("declared", "given", "told"),
    [
        ("{a: {}}", {}, "Parameters.a: it has no default, and no value is given"),
        ("{a: {}}", {"a": None}, "it has no default, and no value is given"),
        ("{a: {Default: x}}", {"b": 1}, "Parameters.b: the template has no such parameter"),
        ("{a: {Default: '{{ a }}'}}", {}, "Parameters.a: its default depends on itself"),
        ("{a: {Default: '{{ b }}'}, b: {Default: '{{ a }}'}}", {}, "its default depends on itself"),
        ("{a: {Type: Number}}", {"a": "x"}, 'Parameters.a: "x" is no number'),
        ("{a: {Type: Number, Default: x}}", {}, 'Parameters.a: "x" is no number'),
        ("{a: {Default: {'Fn::Select': [0, x]}}}", {}, 'its default: Fn::Select: "x" is no map'),
        ("{a: {}}", {"a": "\ud800"}, "it has half of a character"),
        ("{a: {Type: Json}}", {"a": [float("nan")]}, "it has a number that JSON cannot hold"),
        ("{a: {AllowedValues: [x, 1]}}", {"a": "y"}, '"y" is none of "x", 1'),
        ("{a: {AllowedValues: []}}", {"a": "y"}, '"y" is none of '),
        ("{a: {Type: List, AllowedValues: [x]}}", {"a": ["x", "y"]}, '"y" is none of "x"'),
        ("{a: {MinLength: 2}}", {"a": "x"}, "it is shorter than 2 characters"),
        ("{a: {MaxLength: 2}}", {"a": "xyz"}, "it is longer than 2 characters"),
        ("{a: {Type: Number, MinValue: 2}}", {"a": 1}, "1 is less than 2"),
        ("{a: {Type: Number, MaxValue: 2.5}}", {"a": "3"}, "3 is more than 2.5"),
        ("{a: {AllowedPattern: '^i-'}}", {"a": "x"}, '"x" does not fit ^i-'),
        ("{a: {AllowedPattern: '(a'}}", {"a": "x"}, "its AllowedPattern: missing ), unterminated"),
        (
            "{a: {MinLength: 2, ConstraintDescription: say more}}",
            {"a": "x"},
            "characters: say more",
        ),
        ("{a: {MinLength: 2, ConstraintDescription: {en: more}}}", {"a": "x"}, "characters: more"),
    ],
)
def test_what_is_refused(declared: str, given: dict[str, Any], told: str) -> None:
    (problem, *_) = refused(declared, **given)
    assert told in problem


@pytest.mark.parametrize(
    ("declared", "value"),
    [
        ("{AllowedValues: [x, 1]}", "1"),
        ("{Type: Number, AllowedValues: [1, '2']}", 2),
        ("{Type: List, AllowedValues: [x]}", []),
        ("{Type: List, AllowedValues: [x]}", ["x", "x"]),
        ("{Type: Boolean, AllowedValues: [true]}", "true"),
        ("{MinLength: 1, MaxLength: 3}", "abc"),
        ("{MinLength: 2, MaxLength: 2}", "üü"),
        ("{Type: Json, MinLength: 5}", {"a": 1}),
        ("{Type: Number, MinValue: 1, MaxValue: 3}", 3),
        ("{Type: Json, MinValue: 9}", True),
        ("{AllowedPattern: 'i-'}", "i-x, and more"),
        ("{AllowedPattern: '^i-.$'}", "i-x"),
        ("{AllowedPattern: '(?!bad).*'}", "good"),
        ("{Type: List, AllowedPattern: 'i-'}", ["x"]),
        ("{ConstraintDescription: {zh-cn: x}}", "a"),
    ],
)
def test_what_is_allowed(declared: str, value: Any) -> None:
    resolved(f"{{a: {declared}}}", a=value)


@pytest.mark.parametrize("words", ["{zh-cn: x}", "1", "[a]"])
def test_words_that_nobody_can_read_are_left_out(words: str) -> None:
    told = refused(f"{{a: {{MinLength: 2, ConstraintDescription: {words}}}}}", a="x")
    assert told == ["Parameters.a: it is shorter than 2 characters"]


def test_all_that_is_wrong_is_told_at_once() -> None:
    told = refused("{a: {MinLength: 2, AllowedValues: [x]}, b: {}}", a="y", c=1)
    assert told == [
        "Parameters.c: the template has no such parameter",
        'Parameters.a: "y" is none of "x"',
        "Parameters.a: it is shorter than 2 characters",
        "Parameters.b: it has no default, and no value is given",
    ]


def test_what_stands_for_a_secret_is_held_against_no_rule() -> None:
    declared = "{a: {AllowedValues: [x], MinLength: 500, AllowedPattern: 'never'}}"
    secret = stand_in("b", "mark")
    assert resolved(declared, a=secret) == {"a": secret}


def test_a_chain_of_defaults_is_followed_to_a_length() -> None:
    chain = {f"p{n}": f"{{Default: '{{{{ p{n + 1} }}}}'}}" for n in range(31)} | {"p31": "{}"}
    declared = ", ".join(f"{name}: {one}" for name, one in chain.items())
    assert set(resolved(f"{{{declared}}}", p31="x").values()) == {"x"}
    longer = f"first: {{Default: '{{{{ p0 }}}}'}}, {declared}"
    assert refused(f"{{{longer}}}", p31="x") == [
        "Parameters.p31: defaults refer to each other in a chain of more than 32"
    ]


def test_values_may_be_so_large_altogether() -> None:
    many = ", ".join(f"p{n}: {{Default: '{{{{ p }}}}{{{{ p }}}}'}}" for n in range(30))
    assert len(resolved(f"{{p: {{}}, {many}}}", p="x" * 50_000)) == 31
    (problem, *_) = refused(f"{{p: {{}}, {many}}}", p="x" * 100_000)
    assert "all values are larger than 4194304 characters" in problem


@pytest.fixture
async def programs() -> AsyncIterator[Pool]:
    pool = Pool()
    yield pool
    await pool.close()


async def test_a_pattern_that_never_ends_is_given_up(programs: Pool) -> None:
    declared = Declared(name="a", allowed_pattern="(a+)+$")
    told = await parameters.broken(declared, "a" * 64 + "!", programs)
    assert told == ["its AllowedPattern: it takes longer than 2 s"]
    assert await parameters.broken(declared, "aaa", programs) == []
    assert await parameters.broken(declared, None, programs) == []
