"""The functions of the language, by what they are given."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudhand.orchestration import functions, values
from tests.unit.orchestration.made import PLAIN


def call(name: str, argument: Any) -> Any:
    return functions.call(f"Fn::{name}", argument)


@pytest.mark.parametrize(
    ("name", "argument", "value"),
    [
        ("Base64Encode", "hello\n", "aGVsbG8K"),
        ("Base64Encode", "ü", "w7w="),
        ("Base64Encode", 1, "MQ=="),
        ("Base64Encode", None, ""),
        ("Base64Decode", "aGVsbG8K", "hello\n"),
        ("Base64Decode", "aGVs\nbG8K\n", "hello\n"),
        ("Base64Decode", "", ""),
        ("Base64Decode", None, None),
        ("Base64Decode", "/w==", "\ufffd"),
        ("Select", [0, ["a", "b"]], "a"),
        ("Select", ["1", ["a", "b"]], "b"),
        ("Select", [1.0, ["a", "b"]], "b"),
        ("Select", [-1, ["a", "b"]], "b"),
        ("Select", [-3, ["a", "b"]], None),
        ("Select", [2, ["a", "b"]], None),
        ("Select", ["k", {"k": 1}], 1),
        ("Select", ["x", {"k": 1}], None),
        ("Select", [1, {"1": "a"}], "a"),
        ("Select", [True, {"true": "a"}], "a"),
        ("Select", ["k", None], None),
        ("Join", [",", ["a", 1, True, None, {"b": 2}]], 'a,1,true,,{"b":2}'),
        ("Join", [",", []], ""),
        ("Join", [",", None], ""),
        ("Join", ["", ["a", "b"]], "ab"),
        ("Split", [",", "a,b,,c"], ["a", "b", "", "c"]),
        ("Split", [",", ""], [""]),
        ("Split", [",", None], [""]),
        ("Split", [".t0", "exec-1.t0001"], ["exec-1", "001"]),
        ("Replace", [{"a": "b"}, "aXa"], "bXb"),
        ("Replace", [{"a": "b", "b": "c"}, "a"], "c"),
        ("Replace", [{"a": None}, "aX"], "X"),
        ("Replace", [{}, "a"], "a"),
        ("Min", [3, "1", 2.5], "1"),
        ("Min", [[3, 1]], 1),
        ("Min", [], None),
        ("Max", [3, "11", 2.5], "11"),
        ("Max", [[]], None),
        ("First", ["a", "b"], "a"),
        ("First", [["a", "b"]], "a"),
        ("First", [], None),
        ("First", None, None),
        ("Last", ["a", "b"], "b"),
        ("Last", [["a", "b"]], "b"),
        ("Last", [[]], None),
        ("ListJoin", ["a", None, ["b"]], ["a", ["b"]]),
        ("ListJoin", None, []),
        ("Sum", [1, "2", 0.5, None], 3.5),
        ("Sum", [[1, 2]], 3),
        ("Sum", [], 0),
        ("Equals", [1, "1"], True),
        ("Equals", [[], None], False),
        ("Equals", [{"a": [1]}, {"a": ["1"]}], True),
        ("Not", True, False),
        ("Not", "false", True),
        ("Not", [False], True),
        ("And", [True, "true"], True),
        ("And", [True, False], False),
        ("And", [], True),
        ("Or", [False, "true"], True),
        ("Or", [False, False], False),
        ("Or", [], False),
        ("Eval", "-30*24", -720),
        ("Eval", ["1 + 2"], 3),
        ("Eval", "(1+2)*3//2%3", 1),
        ("Eval", "7/2", 3.5),
        ("Eval", "0.1+0.2", 0.3),
        ("Eval", "6/3", 2),
        ("Eval", " +1 ", 1),
        ("Eval", "-7%3", 2),
        ("Eval", 5, 5),
        ("Eval", "1e3", 1000),
        ("Intersection", [["a", "b", "c"], ["c", "a"]], ["a", "c"]),
        ("Intersection", [[1, 2], ["2"], [2, 3]], [2]),
        ("Intersection", [["a"]], ["a"]),
        ("Intersection", [["a"], None], ["a"]),
        ("Intersection", [], []),
        ("Union", [["b", "a"], ["a", "c"]], ["b", "a", "c"]),
        ("Union", [["a", "a"]], ["a"]),
        ("Union", None, []),
        ("Difference", [["a", "b", "c"], ["b"], ["c"]], ["a"]),
        ("Difference", [["a"], []], ["a"]),
        ("Difference", [], []),
        ("MergeList", [["a"], ["b", ["c"]]], ["a", "b", ["c"]]),
        ("MergeList", [["a"], None, []], ["a"]),
        ("MergeList", [[["a"], ["b"]]], ["a", "b"]),
        ("MergeList", [["a", "b"]], ["a", "b"]),
        ("MergeList", [[["a"], None]], ["a"]),
        ("MergeList", [[]], []),
        ("MergeList", [], []),
        ("MergeList", None, []),
        ("MergeMap", [{"a": 1}, {"b": 2}, {"a": 3}], {"a": 3, "b": 2}),
        ("MergeMap", [[{"a": 1}, {"b": 2}]], {"a": 1, "b": 2}),
        ("MergeMap", [{"a": 1}, None], {"a": 1}),
        ("MergeMap", [], {}),
        ("MapJoin", [{"a": 1}, {"b": 2}], {"a": 1, "b": 2}),
        (
            "MergeMapToList",
            [{"a": [1, 2, 3]}, {"b": ["x"]}],
            [{"a": 1, "b": "x"}, {"a": 2, "b": "x"}, {"a": 3, "b": "x"}],
        ),
        ("MergeMapToList", [{"a": [1]}, {"b": []}], [{"a": 1}]),
        ("MergeMapToList", [{"a": [1]}, {"b": None}], [{"a": 1}]),
        ("MergeMapToList", [[{"a": [1]}, {"b": [2]}]], [{"a": 1, "b": 2}]),
        ("MergeMapToList", [], []),
        (
            "ConvertMapToList",
            [{"a": 1, "b": "c"}],
            [{"Key": "a", "Value": 1}, {"Key": "b", "Value": "c"}],
        ),
        ("ConvertMapToList", {"a": 1}, [{"Key": "a", "Value": 1}]),
        ("ConvertMapToList", [{}], []),
        ("CalculateBatch", [3, list("abcdefg")], [3, 2, 2]),
        ("CalculateBatch", ["2", list("abcd")], [2, 2]),
        ("CalculateBatch", [5, ["a", "b"]], [1, 1]),
        ("CalculateBatch", [2, []], []),
        ("ContainsSubString", ["hello", "ell"], True),
        ("ContainsSubString", ["hello", "x"], False),
        ("ContainsSubString", [None, ""], True),
        ("ContainsSubString", [["a"], '["a"]'], True),
        ("RangeSelect", [0, -1, ["a", "b", "c"]], ["a", "b"]),
        ("RangeSelect", ["1", "2", ["a", "b", "c"]], ["b"]),
        ("RangeSelect", [5, 9, ["a"]], []),
        ("RangeSelect", [0, 5, None], []),
        ("IsIpInCIDR", ["10.1.2.3", "10.0.0.0/8"], True),
        ("IsIpInCIDR", ["10.0.0.0/8", "10.1.2.3"], True),
        ("IsIpInCIDR", ["11.1.2.3", "10.0.0.0/8"], False),
        ("IsIpInCIDR", ["10.1.2.3", "10.1.2.9/24"], True),
        ("IsIpInCIDR", ["::1", "::/64"], True),
        ("IsIpInCIDR", ["10.1.2.3", "::/0"], False),
        ("IsIpInCIDR", ["10.1.2.3", "10.1.2.3"], True),
        ("Sub", ["${a}-${ b }-${c}", {"a": 1, "b": True}], "1-true-${c}"),
        ("Sub", ["${a}", {"a": "${b}", "b": "x"}], "${b}"),
        ("Sub", ["plain", {}], "plain"),
        ("Sub", "plain ${a}", "plain ${a}"),
        ("Escape", ['a"$b`', "powershell"], 'a`"`$b``'),
        ("Escape", ["a", "PowerShell"], "a"),
        ("Escape", [None, "powershell"], ""),
    ],
)  # fmt: skip
def test_value(name: str, argument: Any, value: Any) -> None:
    found = call(name, argument)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("name", "argument", "told"),
    [
        ("Base64Decode", "aGVsbG8", "is no base64"),
        ("Base64Decode", "a", "is no base64"),
        ("Base64Decode", "ü", "is no base64"),
        ("Base64Decode", "!", "is no base64"),
        ("Base64Decode", "aGVs*bG8=", "is no base64"),
        ("Select", "a", "it takes [index or key, list or map]"),
        ("Select", ["a"], "it takes"),
        ("Select", ["a", ["b"]], '"a" is no whole number'),
        ("Select", [1.5, ["b"]], "1.5 is no whole number"),
        ("Select", [True, ["b"]], "true is no whole number"),
        ("Select", [0, "text"], '"text" is no map'),
        ("Join", [","], "it takes [delimiter, list]"),
        ("Join", [",", "a"], '"a" is no list'),
        ("Join", ["x" * 2000, ["a"] * 2000], "more than 1048576"),
        ("Split", ["", "a"], "an empty delimiter"),
        ("Split", [None, "a"], "an empty delimiter"),
        ("Replace", [{"": "a"}, "a"], "an empty text"),
        ("Replace", [[], "a"], "is no map"),
        ("Replace", [{"a": "x" * 2000}, "a" * 2000], "more than 1048576"),
        ("Min", ["a"], '"a" is no number'),
        ("Max", [1, None], "null is no number"),
        ("Max", [1, "nan"], '"nan" is no number'),
        ("First", "a", '"a" is no list'),
        ("Sum", ["a"], '"a" is no number'),
        ("Sum", ["nan"], '"nan" is no number'),
        ("Sum", [1e308, 1e308], "is no number"),
        ("Sum", [10**308] * 20 + [0.5], "too large"),
        ("Equals", [1], "it takes [one, other]"),
        ("Equals", [1, 2, 3], "it takes [one, other]"),
        ("Not", "maybe", "is neither true nor false"),
        ("Not", [True, False], "is neither true nor false"),
        ("And", [True, 1], "1 is neither true nor false"),
        ("And", [False, "maybe"], "is neither true nor false"),
        ("Or", [True, None], "null is neither true nor false"),
        ("Eval", "2**3", "is no calculation"),
        ("Eval", "__import__('os')", "is no calculation"),
        ("Eval", "a", "is no calculation"),
        ("Eval", "True", "is no calculation"),
        ("Eval", "'a'", "is no calculation"),
        ("Eval", "1 if 1 else 2", "is no calculation"),
        ("Eval", "not 1", "is no calculation"),
        ("Eval", "1 << 9", "is no calculation"),
        ("Eval", "1\n2", "is no calculation"),
        ("Eval", "", "is no calculation"),
        ("Eval", None, "is no calculation"),
        ("Eval", "1e999", "is no calculation"),
        ("Eval", "1j", "is no calculation"),
        ("Eval", "\0", "is no calculation"),
        ("Eval", "-" * 499 + "1", None),
        ("Eval", "(" * 250 + "1" + ")" * 249, "is no calculation"),
        ("Eval", "1+" * 300 + "1", "is no calculation"),
        ("Eval", "9" * 499, "is no number"),
        ("Eval", "1e300*1e300/7", "too large"),
        ("Eval", "1/0", "divides by zero"),
        ("Eval", "1//0", "divides by zero"),
        ("Eval", "1%0.0", "divides by zero"),
        ("Intersection", ["a"], '"a" is no list'),
        ("Union", "a", '"a" is no list'),
        ("MergeList", ["a"], '"a" is no list'),
        ("MergeList", [["a"], "b"], '"b" is no list'),
        ("MergeMap", ["a"], '"a" is no map'),
        ("MergeMapToList", [{"a": "b"}], '"b" is no list'),
        ("ConvertMapToList", ["a"], "is no map"),
        ("ConvertMapToList", [{}, {}], "is no map"),
        ("CalculateBatch", [0, ["a"]], "0 batches hold nothing"),
        ("CalculateBatch", [-1, ["a"]], "hold nothing"),
        ("CalculateBatch", ["x", ["a"]], "is no whole number"),
        ("RangeSelect", [0, ["a"]], "it takes [from, to, list]"),
        ("IsIpInCIDR", ["10.1.2", "10.0.0.0/8"], "10.1.2"),
        ("IsIpInCIDR", ["10.1.2.3", "10.0.0.0/99"], "10.0.0.0/99"),
        ("Sub", ["${a}"], "it takes"),
        ("Sub", ["${a}", []], "is no map"),
        ("Sub", ["${a}" * 2000, {"a": "x" * 2000}], "more than 1048576"),
        ("Escape", ["a", "bash"], "is none of powershell"),
    ],
)  # fmt: skip
def test_what_is_refused(name: str, argument: Any, told: str | None) -> None:
    if told is None:
        call(name, argument)
        return
    with pytest.raises(ValueError) as refused:
        call(name, argument)
    assert told in str(refused.value)


@pytest.mark.parametrize("name", ["fn::join", "FN::JOIN", "Fn::Join"])
def test_names_are_compared_without_regard_to_case(name: str) -> None:
    assert functions.call(name, ["-", ["a", "b"]]) == "a-b"


def test_a_function_that_there_is_not() -> None:
    with pytest.raises(KeyError):
        call("Joined", [])


@given(st.text())
def test_base64_is_reversed(text: str) -> None:
    encoded = call("Base64Encode", text)
    assert base64.b64decode(encoded) == text.encode()
    assert call("Base64Decode", encoded) == text


@given(st.text(min_size=1, max_size=3), st.text())
def test_what_is_split_is_joined(delimiter: str, text: str) -> None:
    assert call("Join", [delimiter, call("Split", [delimiter, text])]) == text


@given(st.integers(1, 50), st.lists(st.integers(), max_size=60))
def test_batches_are_even_and_hold_all(count: int, items: list[int]) -> None:
    sizes = call("CalculateBatch", [count, items])
    assert sum(sizes) == len(items)
    assert sizes == sorted(sizes, reverse=True)
    assert len(sizes) == min(count, len(items))
    assert not sizes or sizes[0] - sizes[-1] <= 1


@given(st.sampled_from(sorted(functions.TABLE)), PLAIN)
def test_whatever_a_function_is_given_it_gives_what_can_be_kept_or_refuses(
    name: str, argument: Any
) -> None:
    try:
        found = functions.call(name, argument)
    except ValueError as refused:
        assert str(refused)
    else:
        values.check(found)


@given(st.sampled_from(sorted(functions.TABLE)), st.lists(PLAIN, min_size=2, max_size=3))
def test_whatever_many_a_function_is_given(name: str, argument: list[Any]) -> None:
    try:
        values.check(functions.call(name, argument))
    except ValueError as refused:
        assert str(refused)
