"""Values that can be stored, counted with and shown; nothing else passes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudhand.wire import checked


@pytest.mark.parametrize(
    "digits, value",
    [
        ("0", 0),
        ("007", 7),
        ("-1", -1),
        ("1" + "0" * 14, 10**14),
        ("1" + "0" * 13 + "1", None),
        ("", None),
        ("-", None),
        ("--1", None),
        ("+1", None),
        (" 1", None),
        ("1_0", None),
        ("1.0", None),
        ("\N{SUPERSCRIPT TWO}", None),
        ("\N{ARABIC-INDIC DIGIT ONE}", None),
        ("9" * 5000, None),
    ],
)
def test_whole(digits: str, value: int | None) -> None:
    assert checked.whole(digits) == value


@given(st.integers(-(10**14), 10**14))
def test_every_number_of_a_sensible_size_passes(value: int) -> None:
    assert checked.whole(str(value)) == value


@given(st.text())
def test_texts_pass_unless_they_cannot_be_encoded(value: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:
        with pytest.raises(ValueError, match="Unicode"):
            checked.text({"name": value}, "name")
    else:
        assert checked.text({"name": value}, "name") == value


def test_a_text_may_be_too_long() -> None:
    assert checked.text({"name": "x" * 4096}, "name")
    with pytest.raises(ValueError, match="longer"):
        checked.text({"name": "x" * 4097}, "name")


@pytest.mark.parametrize("value", ["x", 1, {"a": 1}, [1], [None]])
def test_entries_are_objects(value: object) -> None:
    assert checked.entries({}, "list") == checked.entries({"list": None}, "list") == []
    with pytest.raises(ValueError, match="list"):
        checked.entries({"list": value}, "list")
