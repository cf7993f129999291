"""What an action is told, and what its properties are read from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from cloudhand.orchestration.action import Reply, bind, prop
from cloudhand.orchestration.actions import ACTIONS
from cloudhand.orchestration.parameters import Type


@dataclass(frozen=True, kw_only=True)
class _Properties:
    name: str = prop("Name", Type.STRING)
    number: int = prop("Number", Type.NUMBER, default=7)
    anything: Any = prop("Anything", default=None)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"Name": "a"}, _Properties(name="a")),
        ({"Name": 5, "Number": "6"}, _Properties(name="5", number=6)),
        ({"Name": "a", "Number": None, "Anything": [1]}, _Properties(name="a", anything=[1])),
        ({"Name": "a", "Other": 1}, _Properties(name="a")),
    ],
)
def test_bind(given: dict[str, Any], found: _Properties) -> None:
    assert bind(_Properties, given) == found


@pytest.mark.parametrize(
    ("given", "told"),
    [({}, "Name is nothing"), ({"Name": None}, "Name is nothing"),
     ({"Name": "a", "Number": "x"}, 'Number: "x" is no number')],
)  # fmt: skip
def test_what_cannot_be_bound(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError) as refused:
        bind(_Properties, given)
    assert str(refused.value) == told


def test_a_refusal_is_a_failure() -> None:
    failed = Reply(body={"Code": "Forbidden", "Message": "no"}, refused=True).failed()
    assert (failed.code, failed.message) == ("Forbidden", "no")
    assert Reply(body={}).failed().code == ""


def test_the_table_is_in_the_order_of_names() -> None:
    assert list(ACTIONS) == sorted(ACTIONS)


def test_each_action_says_what_it_does() -> None:
    assert [name for name, action in ACTIONS.items() if not action.summary] == []


@pytest.mark.parametrize("name", ["ACS::WaitFor", "ACS::CheckFor"])
def test_what_is_tried_again(name: str) -> None:
    assert ACTIONS[name].spec.retries
    assert ACTIONS[name].spec.loops


def test_what_can_be_looped() -> None:
    assert [name for name, action in ACTIONS.items() if action.spec.loops] == [
        "ACS::CheckFor",
        "ACS::ExecuteAPI",
        "ACS::Notify",
        "ACS::Template",
        "ACS::WaitFor",
    ]
