"""Flat parameters: what clients send, and what we send."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudhand.wire import rpc


def test_values_become_flat_parameters() -> None:
    values = {
        "InstanceId": ["i-1", "i-2"],
        "Tag": [{"Key": "role", "Value": ""}],
        "SystemDisk": {"Size": 20},
        "DryRun": True,
        "Force": False,
        "Name": None,
    }
    assert rpc.flatten(values) == {
        "InstanceId.1": "i-1",
        "InstanceId.2": "i-2",
        "Tag.1.Key": "role",
        "Tag.1.Value": "",
        "SystemDisk.Size": "20",
        "DryRun": "true",
        "Force": "false",
    }


@pytest.mark.parametrize(
    ("flat", "found"),
    [
        ({}, []),
        ({"Id.1": "a", "Id.2": "b"}, ["a", "b"]),
        ({"Id.10": "b", "Id.2": "a", "Id.7000": "c"}, ["a", "b", "c"]),
        ({"Id": "a"}, ["a"]),
        ({"Id": "a", "Id.1": "b"}, ["b"]),
        ({"Id.0": "a", "Id.x": "b", "Id.-1": "c", "Id.1.Key": "d", "Id.²": "e"}, []),
        ({"Id.99999999999999999999": "a"}, []),
    ],
)
def test_lists_come_in_any_order_and_with_gaps(flat: dict[str, str], found: list[str]) -> None:
    assert rpc.listed(flat, "Id") == found


def test_records_come_in_any_order_and_with_gaps() -> None:
    flat = {"Tag.9.Key": "b", "Tag.2.Value": "1", "Tag.2.Key": "a", "Tag.x.Key": "c", "Tag.3": "d"}
    assert rpc.records(flat, "Tag") == [{"Value": "1", "Key": "a"}, {"Key": "b"}]


@pytest.mark.parametrize(
    ("text", "value"), [("True", True), ("true", True), ("FALSE", False), ("False", False)]
)
def test_booleans_come_in_any_case(text: str, value: bool) -> None:
    assert rpc.truth(text) is value


@pytest.mark.parametrize("text", ["", "1", "yes", "truee"])
def test_what_is_no_boolean_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="cannot read"):
        rpc.truth(text)


@given(st.lists(st.text(), min_size=1))
def test_a_list_survives_the_way_there_and_back(values: list[str]) -> None:
    assert rpc.listed(rpc.flatten({"Id": values}), "Id") == values
