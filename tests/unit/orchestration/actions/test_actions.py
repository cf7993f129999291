"""Looks at actions that have no test of their own."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from cloudhand.core.task import Wait
from cloudhand.orchestration.action import Again, Cancelled, Done, Failed, Fires, Reply, Waits
from tests.unit.orchestration.looks import looks

_SECOND = timedelta(seconds=1)


# ExecuteAPI


async def test_an_operation_is_called_once() -> None:
    given = {"Service": "ECS", "API": "RunCommand", "Parameters": {"a": None, "b": 1}}
    async with looks("ACS::ExecuteAPI", given, replies=[{"InvokeId": "t-1"}]) as it:
        assert await it.look() == Done({"InvokeId": "t-1"})
    assert it.called == [("ECS", "RunCommand", {"a": None, "b": 1}, "", True)]


async def test_pages_may_be_left_apart() -> None:
    given = {"Service": "ECS", "API": "DescribeInstances", "AutoPaging": False}
    async with looks("ACS::ExecuteAPI", given, replies=[{}]) as it:
        await it.look()
    assert it.called == [("ECS", "DescribeInstances", {}, "", False)]


async def test_a_refusal_fails_and_what_passes_is_asked_again() -> None:
    given = {"Service": "ECS", "API": "RunCommand"}
    busy = Reply(body={"Code": "Throttling.User"}, refused=True, transient=True)
    no = Reply(body={"Code": "Forbidden", "Message": "not you"}, refused=True)
    async with looks("ACS::ExecuteAPI", given, replies=[busy, no]) as it:
        outcome, pauses = await it.to_its_end()
    assert (outcome, pauses) == (Failed("Forbidden", "not you"), [2])


async def test_parameters_are_a_map() -> None:
    given = {"Service": "ECS", "API": "RunCommand", "Parameters": ["x"]}
    async with looks("ACS::ExecuteAPI", given) as it:
        outcome = await it.look()
    assert outcome == Failed("InvalidProperty", 'Parameters: ["x"] is no map')


# Sleep


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ({"Duration": "PT5M"}, 300),
        ({"Duration": "3s"}, 3),
        ({"Duration": "PT0S"}, 1),
        ({"EndDate": "2026-01-02T03:05:05Z"}, 60),
        ({"EndDate": "2026-01-02T03:05:05"}, 60),
        ({"EndDate": "2026-01-02T04:05:05+01:00"}, 60),
        ({"EndDate": "2020-01-01T00:00:00Z"}, 0),
    ],
)
async def test_it_sleeps(given: dict[str, Any], seconds: int) -> None:
    async with looks("ACS::Sleep", given) as it:
        outcome = await it.look()
        assert outcome == (Again(seconds * _SECOND) if seconds else Done({}))
        assert await it.look(seconds=seconds) == Done({})
        # Whoever looks in between sleeps no longer than before.
        it.now -= (seconds / 2) * _SECOND
        later = await it.look()
        assert later == (Again((seconds / 2) * _SECOND) if seconds else Done({}))


@pytest.mark.parametrize(
    "given",
    [{"Duration": "long"}, {"EndDate": "tomorrow"}, {}, {"Duration": "PT9999999H"},
     {"Duration": "P9999999W"}],
)  # fmt: skip
async def test_how_it_cannot_sleep(given: dict[str, Any]) -> None:
    async with looks("ACS::Sleep", given) as it:
        outcome = await it.look()
    if given == {"Duration": "PT9999999H"}:
        assert isinstance(outcome, Again)
    else:
        assert isinstance(outcome, Failed)
        assert outcome.code == "InvalidProperty"


# Approve and Pause


@pytest.mark.parametrize(
    ("given", "words", "outcome"),
    [
        ({}, [], Waits(Wait.APPROVAL, {"told": True})),
        ({}, [("Approve", "anyone")], Done({"Approvers": ["anyone"]})),
        ({}, [("Reject", "anyone")], Cancelled("anyone rejected it")),
        ({"Approvers": ["ann"]}, [("Approve", "bob")], Waits(Wait.APPROVAL, {"told": True})),
        ({"Approvers": ["ann"]}, [("Reject", "bob")], Waits(Wait.APPROVAL, {"told": True})),
        ({"Approvers": ["ann@x.onaliyun.com"]}, [("Approve", "ann")], Done({"Approvers": ["ann"]})),
        ({"Approvers": "ann"}, [("Approve", "ann")], Done({"Approvers": ["ann"]})),
        ({"Approvers": ["ann"]}, [("Approve", "root")], Done({"Approvers": ["root"]})),
        (
            {"MinRequiredApprovals": 2},
            [("Approve", "ann"), ("Approve", "ann")],
            Waits(Wait.APPROVAL, {"told": True}),
        ),
        (
            {"MinRequiredApprovals": "2"},
            [("Approve", "ann"), ("Approve", "bob")],
            Done({"Approvers": ["ann", "bob"]}),
        ),
        (
            {"Approvers": ["ann", "bob"], "MinRequiredApprovals": 2},
            [("Approve", "root")],
            Done({"Approvers": ["root"]}),
        ),
        ({"MinRequiredApprovals": 0}, [], Waits(Wait.APPROVAL, {"told": True})),
        (
            {"MinRequiredApprovals": 2},
            [("Approve", "ann"), ("Reject", "bob")],
            Cancelled("bob rejected it"),
        ),
    ],
)
async def test_approvals(given: dict[str, Any], words: list[tuple[str, str]], outcome: Any) -> None:
    async with looks("ACS::Approve", given) as it:
        for word, by in words:
            it.hear(word, by)
        assert await it.look() == outcome


async def test_a_pause_ends_with_a_word() -> None:
    async with looks("ACS::Pause", {}) as it:
        assert await it.look() == Waits(Wait.PAUSE)
        it.hear("Approve", "ann")
        assert await it.look() == Done({})
    async with looks("ACS::Pause", {}) as it:
        it.hear("Reject", "ann")
        assert await it.look() == Cancelled("ann rejected it")


# Choice, and what the engine does by itself


async def test_a_choice_has_been_made() -> None:
    async with looks("ACS::Choice", {"Next": "there"}) as it:
        assert await it.look() == Done({}, following="there")


async def test_a_template_is_nothing_to_look_at() -> None:
    async with looks("ACS::Template", {"TemplateName": "x"}) as it:
        assert isinstance(await it.look(), Failed)


# Triggers that are fired by hand


@pytest.mark.parametrize("action", ["ACS::EventTrigger", "ACS::AlarmTrigger"])
async def test_each_message_fires_once_in_its_turn(action: str) -> None:
    async with looks(action, {}) as it:
        assert await it.look() == Waits(Wait.TRIGGER, {"handled": 0})
        it.hear("Trigger", "ann", '{"content": {"resourceId": "i-1"}}')
        it.hear("Approve", "ann", "not a message")
        it.hear("Trigger", "ann", "no JSON")
        fired = await it.look()
        assert fired == Fires({"content": {"resourceId": "i-1"}}, {"handled": 1})
        it.memo = fired.memo
        fired = await it.look()
        assert fired == Fires("no JSON", {"handled": 2})
        it.memo = fired.memo
        assert await it.look() == Waits(Wait.TRIGGER, {"handled": 2})


@pytest.mark.parametrize("note", ["[" * 100_000, "NaN", "", '{"a": 1e999}', '"\\ud800"'])
async def test_a_message_that_is_no_json_is_a_text(note: str) -> None:
    async with looks("ACS::EventTrigger", {}) as it:
        it.hear("Trigger", "ann", note)
        assert await it.look() == Fires(note, {"handled": 1})
