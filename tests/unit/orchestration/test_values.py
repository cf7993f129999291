"""How values are read, read as text, compare, and count as true."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudhand.orchestration import values
from tests.unit.orchestration.made import PLAIN


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("", ""),
        ("a", "a"),
        ('"a"', '"a"'),
        (None, ""),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (1.5, "1.5"),
        ([], "[]"),
        (["i-1", "ü"], '["i-1","ü"]'),
        ({"a": None, "b": [True]}, '{"a":null,"b":[true]}'),
    ],
)
def test_as_text(value: Any, text: str) -> None:
    assert values.text(value) == text


@given(PLAIN)
def test_text_of_what_is_no_text_is_json(value: Any) -> None:
    told = values.text(value)
    if not isinstance(value, str) and value is not None:
        assert json.loads(told) == value


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (None, None, True),
        (None, "", False),
        (None, "null", False),
        (None, 0, False),
        (None, False, False),
        (None, [], False),
        ("a", "a", True),
        ("a", "A", False),
        (1, 1, True),
        (1, 1.0, True),
        (1, "1", True),
        ("1.5", 1.5, True),
        (1, "1.0", False),
        (1, "01", False),
        (True, True, True),
        (True, False, False),
        (True, 1, False),
        (0, False, False),
        (True, "true", True),
        (True, "True", False),
        ("false", False, True),
        ("true", "true", True),
        ([], [], True),
        ([], "[]", False),
        ([], {}, False),
        ([], None, False),
        ([None], [], False),
        ([None], [None], True),
        ([1, "a"], ["1", "a"], True),
        ([1, 2], [2, 1], False),
        ([True], [1], False),
        ({"a": 1, "b": 2}, {"b": "2", "a": 1}, True),
        ({"a": 1}, {"a": 1, "b": None}, False),
        ({"a": 1}, {"A": 1}, False),
        ({"a": 1}, '{"a":1}', False),
        ({"a": [{"b": True}]}, {"a": [{"b": "true"}]}, True),
    ],
)
def test_same(one: Any, other: Any, same: bool) -> None:
    assert values.same(one, other) is same
    assert values.same(other, one) is same


@given(PLAIN)
def test_each_value_is_the_same_as_itself(value: Any) -> None:
    assert values.same(value, value)
    assert values.same(value, json.loads(json.dumps(value)))


@given(PLAIN, PLAIN)
def test_same_is_symmetric(one: Any, other: Any) -> None:
    assert values.same(one, other) is values.same(other, one)
    if json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True):
        assert values.same(one, other)


@pytest.mark.parametrize(
    ("value", "truth"),
    [(True, True), (False, False), ("true", True), ("TRUE", True), ("False", False)],
)
def test_truth(value: Any, truth: bool) -> None:
    assert values.truth(value) is truth


@pytest.mark.parametrize("value", [None, "", "yes", 0, 1, [], {}, [True]])
def test_what_is_neither_true_nor_false(value: Any) -> None:
    with pytest.raises(ValueError, match="is neither true nor false"):
        values.truth(value)


@pytest.mark.parametrize(
    ("value", "number"),
    [(1, 1), (1.5, 1.5), ("1", 1), ("-1", -1), ("1.50", 1.5), (" 2 ", 2), ("1e3", 1000.0),
     ("9" * 30, int("9" * 30))],
)  # fmt: skip
def test_number(value: Any, number: float) -> None:
    found = values.number(value)
    assert found == number
    assert type(found) is type(number)


@pytest.mark.parametrize(
    "value",
    [None, True, "", "a", "1a", "0x1", [1], {}, float("nan"), float("inf"), "nan", "-inf", "1e999",
     10**400, "9" * 400, "9" * 5000],
)  # fmt: skip
def test_what_is_no_number(value: Any) -> None:
    with pytest.raises(ValueError, match="is no number"):
        values.number(value)


@pytest.mark.parametrize(
    ("value", "whole"), [(1, 1), (2.0, 2), ("3", 3), ("4.0", 4), (-1, -1), ("1e2", 100)]
)
def test_whole(value: Any, whole: int) -> None:
    found = values.whole(value)
    assert found == whole
    assert isinstance(found, int)


@pytest.mark.parametrize("value", [1.5, "1.5", True, None, "a", "1e999", float("inf"), [], "1%"])
def test_what_is_no_whole_number(value: Any) -> None:
    with pytest.raises(ValueError, match="is no whole number"):
        values.whole(value)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a", '"a"'),
        (None, "null"),
        ({"a": 1}, '{"a": 1}'),
        ("ü", '"ü"'),
        ("x" * 78, '"' + "x" * 78 + '"'),
        ("x" * 79, '"' + "x" * 78 + "…"),
    ],
)
def test_shown_is_short(value: Any, shown: str) -> None:
    assert values.shown(value) == shown
    assert len(shown) <= 80


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (nested(65), "deeper than 64 levels"),
        ({"a": nested(64)}, "deeper than 64 levels"),
        ("\ud800", "half of a character"),
        ({"\udfff": 1}, "half of a character"),
        ([{"a": ["\ud83d"]}], "half of a character"),
        (float("nan"), "JSON cannot hold"),
        ([float("-inf")], "JSON cannot hold"),
        (10**400, "too large"),
        (2**1024 - 1, "too large"),
    ],
)
def test_what_cannot_be_kept(value: Any, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        values.check(value)


@given(PLAIN)
def test_whatever_json_holds_can_be_kept(value: Any) -> None:
    values.check(value)
    assert values.decoded(json.dumps(value)) == value
    assert values.decoded(values.text([value])) == [value]


def test_what_is_deep_can_be_kept() -> None:
    values.check(nested(64))
    assert values.decoded("[" * 64 + "1" + "]" * 64) == nested(64)


@pytest.mark.parametrize(
    "text",
    ["", "a", "{", "[1,]", "NaN", "[Infinity]", "1e999", "9" * 400, "9" * 5000, "[" * 66 + "]" * 66,
     "[" * 100_000, '{"a":' * 100_000, '"\\ud800"'],
)  # fmt: skip
def test_what_is_no_json(text: str) -> None:
    with pytest.raises(ValueError):
        values.decoded(text)


@given(st.text())
def test_any_text_is_decoded_or_refused(text: str) -> None:
    try:
        values.check(values.decoded(text))
    except ValueError:
        pass


@pytest.mark.parametrize(
    ("value", "weight"),
    [("abc", 3), (None, 1), (12345, 1), ([], 0), (["ab", 1], 5), ({"ab": "cd", "e": []}, 5)],
)
def test_weight(value: Any, weight: int) -> None:
    assert values.weight(value) == weight
