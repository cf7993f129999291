"""The name that was probably meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudhand.orchestration import spelling


@pytest.mark.parametrize(
    ("name", "known", "closest"),
    [
        ("Tsaks", ["Tasks", "Outputs"], "Tasks"),
        ("outputs", ["Tasks", "Outputs"], "Outputs"),
        ("Onsucess", ["OnError", "OnSuccess"], "OnSuccess"),
        ("x", ["Tasks"], ""),
        ("", ["Tasks"], ""),
        ("Tasks", [], ""),
    ],
)
def test_closest(name: str, known: list[str], closest: str) -> None:
    assert spelling.closest(name, known) == closest
    assert spelling.hint(name, known) == (f"; do you mean {closest}?" if closest else "")


def test_how_like_it_must_be_can_be_said() -> None:
    assert spelling.closest("abcd", ["abxy"], like=0.5) == "abxy"
    assert spelling.closest("abcd", ["abxy"]) == ""


def test_only_so_many_are_compared() -> None:
    known = [f"{number:04}" for number in range(1000)]
    assert spelling.closest("0100x", known) == "0100"
    assert spelling.closest("x999x", known) == ""


@given(st.text(), st.lists(st.text(max_size=10)))
def test_what_is_found_is_known(name: str, known: list[str]) -> None:
    assert spelling.closest(name, known) in ("", *known)
