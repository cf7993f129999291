"""Messages to web hooks."""

from __future__ import annotations

from typing import Any

import pytest

from cloudhand.core.task import Wait
from cloudhand.orchestration.action import Again, Done, Failed, Waits
from tests.unit.orchestration.looks import looks

_HOOK: dict[str, Any] = {"URI": "https://hook.example/path?token=x", "Content": {"a": 1}}


def given(**hook: Any) -> dict[str, Any]:
    return {"NotifyType": "WebHook", "WebHook": _HOOK | hook}


@pytest.mark.parametrize(
    ("content", "link", "body"),
    [
        ({"a": "ü"}, False, {"a": "ü"}),
        ('{"a": 1}', False, {"a": 1}),
        (None, False, {}),
        ("text", False, {}),
        ({"a": 1}, True, {"a": 1, "execution": "execution exec-1, task it"}),
        (
            {"msgtype": "text", "text": {"content": "hello"}},
            True,
            {"msgtype": "text", "text": {"content": "hello\nexecution exec-1, task it"}},
        ),
        (
            {"markdown": {"text": "hello", "title": "t"}},
            True,
            {"markdown": {"text": "hello\nexecution exec-1, task it", "title": "t"}},
        ),
        ({"text": "plain"}, True, {"text": "plain", "execution": "execution exec-1, task it"}),
    ],
)
async def test_what_is_sent(content: Any, link: bool, body: Any) -> None:
    told = given(Content=content, Headers={"X": 1}) | {"AppendExecutionLink": link}
    async with looks("ACS::Notify", told, posts=[200]) as it:
        assert await it.look() == Done({})
    ((url, headers, sent, key),) = it.posted
    assert url == "https://hook.example/path?token=x"
    assert headers == {"Content-Type": "application/json;charset=utf-8", "X": "1"}
    assert sent == body
    assert key == "exec-1.t0001/1"


async def test_what_is_not_taken_is_sent_again_with_the_same_key() -> None:
    async with looks("ACS::Notify", given(), posts=[500, OSError("refused"), 200]) as it:
        outcome, pauses = await it.to_its_end()
    assert (outcome, pauses) == (Done({}), [2, 4])
    assert len({key for *_, key in it.posted}) == 1


@pytest.mark.parametrize(
    ("answer", "told"), [(404, "it answered 404"), (OSError("no route"), "no route")]
)
async def test_it_gives_up_in_the_end_and_tells_no_token(answer: Any, told: str) -> None:
    async with looks("ACS::Notify", given(), posts=[answer]) as it:
        outcome, pauses = await it.to_its_end()
    expected = f"cannot send to https://hook.example/path: {told}"
    assert (outcome, pauses) == (Failed("NotifyFailed", expected), [2, 4, 8])


async def test_where_it_must_not_be_sent_it_is_tried_once() -> None:
    async with looks("ACS::Notify", given(), posts=[PermissionError("too near")]) as it:
        outcome = await it.look()
    expected = "cannot send to https://hook.example/path: too near"
    assert outcome == Failed("NotifyFailed", expected)


@pytest.mark.parametrize(
    ("told", "code", "message"),
    [
        ({"NotifyType": "Mail"}, "UnsupportedNotifyType", "Mail is not served here"),
        ({"NotifyType": "WebHook"}, "InvalidProperty", "WebHook has no URI"),
        ({"NotifyType": "webhook", "WebHook": "x"}, "InvalidProperty", "WebHook has no URI"),
        ({"NotifyType": "WebHook", "WebHook": {"URI": ""}}, "InvalidProperty", "WebHook has no"),
    ],
)
async def test_what_cannot_be_sent(told: dict[str, Any], code: str, message: str) -> None:
    async with looks("ACS::Notify", told) as it:
        outcome = await it.look()
    assert isinstance(outcome, Failed)
    assert outcome.code == code
    assert message in outcome.message


async def test_approvers_are_told_once_with_a_link() -> None:
    async with looks("ACS::Approve", given(), posts=[503, 200]) as it:
        assert isinstance(await it.look(), Again)
        assert await it.look() == Waits(Wait.APPROVAL, {"told": True})
        assert await it.look() == Waits(Wait.APPROVAL, {"told": True})
    assert len(it.posted) == 2
    assert it.posted[1][2]["execution"] == "execution exec-1, task it"
