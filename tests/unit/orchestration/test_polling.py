"""Tasks that ask an operation until a value is as it should be."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from cloudhand.orchestration.action import Again, Done, Failed, Reply
from cloudhand.orchestration.polling import watched
from tests.unit.orchestration.looks import looks

_ASKED = {"Service": "ECS", "API": "DescribeInstances", "PropertySelector": "Status"}


def refusal(code: str) -> Reply:
    return Reply(body={"Code": code, "Message": "no"}, refused=True)


@pytest.mark.parametrize(
    ("wanted", "answer", "done"),
    [
        ({"DesiredValues": ["Running"]}, {"Status": "Running"}, True),
        ({"DesiredValues": ["Running", "Stopped"]}, {"Status": "Stopped"}, True),
        ({"DesiredValues": "Running"}, {"Status": "Running"}, True),
        ({"DesiredValues": [0]}, {"Status": 0}, True),
        ({"DesiredValues": [0]}, {"Status": "0"}, True),
        ({"DesiredValues": ["true"]}, {"Status": True}, True),
        ({"DesiredValues": [None]}, {}, True),
        ({"DesiredValues": [None]}, {"Status": "x"}, False),
        ({"DesiredValues": ["Running"]}, {"Status": "Starting"}, False),
        ({"DesiredValues": []}, {"Status": "Running"}, False),
        ({"NotDesiredValues": ["Starting"]}, {"Status": "Running"}, True),
        ({"NotDesiredValues": ["Starting"]}, {"Status": "Starting"}, False),
        ({"NotDesiredValues": [None]}, {}, False),
        ({"DesiredValues": [["a"]]}, {"Status": ["a"]}, True),
    ],
)
async def test_what_is_wanted(wanted: dict[str, Any], answer: dict[str, Any], done: bool) -> None:
    async with looks("ACS::WaitFor", _ASKED | wanted, replies=[answer]) as it:
        outcome = await it.look()
    assert outcome == Done(answer) if done else isinstance(outcome, Again)


async def test_of_several_results_the_first_counts() -> None:
    given = _ASKED | {"PropertySelector": "a[]", "DesiredValues": [1]}
    async with looks("ACS::WaitFor", given, replies=[{"a": [1, 2]}]) as it:
        assert isinstance(await it.look(), Done)


async def test_it_asks_ten_times_more_with_growing_pauses() -> None:
    given = _ASKED | {"DesiredValues": ["x"]}
    async with looks("ACS::WaitFor", given, replies=[{"Status": "y"}]) as it:
        outcome, pauses = await it.to_its_end()
    assert outcome == Failed("RetriesUsedUp", 'it is "y", not "x"')
    assert pauses == [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]
    assert [effect for *_, effect, _ in it.called] == [str(n) for n in range(11)]


async def test_the_task_says_how_often_it_asks() -> None:
    given = _ASKED | {"DesiredValues": ["x"]}
    retry = {"Retries": 3, "DelayType": "Constant", "Delay": 7}
    async with looks("ACS::WaitFor", given, replies=[{}], retry=retry) as it:
        _, pauses = await it.to_its_end()
    assert pauses == [7, 7, 7]


async def test_it_ends_at_once_at_a_value_that_stops_it() -> None:
    given = _ASKED | {"DesiredValues": ["x"], "StopRetryValues": ["Failed", "Stopped"]}
    replies = [{"Status": "Running"}, {"Status": "Failed"}]
    async with looks("ACS::WaitFor", given, replies=replies) as it:
        outcome, pauses = await it.to_its_end()
    assert outcome == Failed("UnexpectedValue", 'it is "Failed", not "x"')
    assert pauses == [2]


async def test_the_body_of_an_error_is_looked_at_as_any_other() -> None:
    given = _ASKED | {"PropertySelector": ".Code", "DesiredValues": [None]}
    given |= {"StopRetryValues": ["Forbidden"]}
    async with looks("ACS::WaitFor", given, replies=[refusal("Busy"), {"Status": 1}]) as it:
        outcome, _ = await it.to_its_end()
    assert outcome == Done({"Status": 1})
    async with looks("ACS::WaitFor", given, replies=[refusal("Forbidden")]) as it:
        assert isinstance(await it.look(), Failed)


async def test_what_passes_is_asked_again_and_uses_up_nothing() -> None:
    busy = Reply(body={"Code": "Throttling"}, refused=True, transient=True)
    given = _ASKED | {"DesiredValues": ["x"]}
    replies = [busy] * 30 + [{"Status": "x"}]
    async with looks("ACS::WaitFor", given, replies=replies, retry={"Retries": 0}) as it:
        outcome, pauses = await it.to_its_end()
    assert outcome == Done({"Status": "x"})
    assert pauses == [2] * 30


async def test_a_look_before_its_time_uses_up_no_retry() -> None:
    given = _ASKED | {"DesiredValues": ["x"]}
    retry = {"Retries": 1, "DelayType": "Constant", "Delay": 100}
    async with looks("ACS::WaitFor", given, replies=[{}], retry=retry) as it:
        assert await it.look() == Again(timedelta(seconds=100), it.memo)
        for passed in range(10, 60, 10):
            outcome = await it.look(seconds=10)
            assert isinstance(outcome, Again)
            assert outcome.after == timedelta(seconds=100 - passed)
        assert isinstance(await it.look(seconds=50), Failed)


async def test_check_for_asks_once_unless_it_is_told_otherwise() -> None:
    given = _ASKED | {"DesiredValues": ["x"]}
    async with looks("ACS::CheckFor", given, replies=[{"Status": "y"}]) as it:
        assert await it.look() == Failed("UnexpectedValue", 'it is "y", not "x"')
    async with looks("ACS::CheckFor", given, replies=[{"Status": "y"}], retry={"Retries": 2}) as it:
        outcome, pauses = await it.to_its_end()
    assert (outcome, pauses) == (Failed("RetriesUsedUp", 'it is "y", not "x"'), [2, 4])
    async with looks("ACS::CheckFor", given, replies=[{"Status": "x"}]) as it:
        assert await it.look() == Done({"Status": "x"})


@pytest.mark.parametrize(
    ("given", "retry", "code", "told"),
    [
        ({}, {}, "InvalidProperty", "either DesiredValues or NotDesiredValues must be given"),
        ({"DesiredValues": [1], "NotDesiredValues": [1]}, {}, "InvalidProperty", "either"),
        ({"DesiredValues": [1]}, {"Retries": 1000}, "InvalidProperty", "Retries: 1000 is not from"),
        ({"DesiredValues": [1], "Parameters": "x"}, {}, "InvalidProperty", 'Parameters: "x" is no'),
        ({"DesiredValues": [1], "Parameters": [1]}, {}, "InvalidProperty", "Parameters: [1] is no"),
        ({"DesiredValues": [1], "Service": None}, {}, "InvalidProperty", "Service is nothing"),
        ({"DesiredValues": [1], "AutoPaging": "x"}, {}, "InvalidProperty", 'AutoPaging: "x" is'),
        ({"DesiredValues": [1], "PropertySelector": ".["}, {}, "InvalidSelector", "syntax error"),
        ({"DesiredValues": [1], "PropertySelector": "a[]"}, {}, "InvalidSelector", "iterate"),
    ],
)
async def test_what_fails(
    given: dict[str, Any], retry: dict[str, Any], code: str, told: str
) -> None:
    async with looks("ACS::WaitFor", _ASKED | given, replies=[{}], retry=retry) as it:
        outcome = await it.look()
    assert isinstance(outcome, Failed)
    assert outcome.code == code
    assert told in outcome.message


@pytest.mark.parametrize(
    ("parameters", "sent"),
    [(None, {}), ("", {}), ({"a": 1}, {"a": 1}), ('{"a": 1}', {"a": 1})],
)
async def test_what_is_sent(parameters: Any, sent: dict[str, Any]) -> None:
    given = _ASKED | {"DesiredValues": ["x"], "Parameters": parameters, "AutoPaging": "false"}
    async with looks("ACS::WaitFor", given, replies=[{}]) as it:
        await it.look()
    assert it.called == [("ECS", "DescribeInstances", sent, "0", False)]


@pytest.mark.parametrize(
    ("parameters", "ids"),
    [
        (None, []),
        ({"InstanceId": "i-1"}, ["i-1"]),
        ({"InstanceIds": ["i-1", "mi-2", "i-1"], "InvokeId": "t-3"}, ["i-1", "mi-2", "t-3"]),
        ({"ExecutionId": "exec-1.t0001", "Name": "ids i-1"}, ["exec-1.t0001"]),
        ({"a": [{"b": {"c": "i-9"}}], "n": 5}, ["i-9"]),
        ("i-1", ["i-1"]),
    ],
)
def test_what_is_watched(parameters: Any, ids: list[str]) -> None:
    assert watched({"Parameters": parameters}) == ids
