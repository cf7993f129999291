"""When news are told, how often it is tried, and what those at the other end take and answer."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from cloudhand.core import notification, notification_forms, notification_words
from cloudhand.core.notification import (
    GIVEN_UP_AFTER,
    Answer,
    Channel,
    Kind,
    Language,
    News,
    Occasion,
    Refusal,
    Sent,
    Trial,
)
from cloudhand.core.notification_forms import Message

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
STAMP = "1767323045"
KEY = bytes(range(32))
WEBHOOK = "whsec_" + base64.b64encode(KEY).decode()


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def channel(kind: Kind = Kind.WEBHOOK, secret: str = WEBHOOK, **changes: object) -> Channel:
    told: dict[str, object] = {
        "name": "ops",
        "kind": kind,
        "address": "https://a.example/robot/send?key=hush",
        "secret": secret,
        "occasions": frozenset(Occasion),
        "created_at": NOW,
        "due_at": NOW,
        **changes,
    }
    return Channel(**told)  # type: ignore[arg-type]


def gone(at: datetime, name: str = "web-1", *, over: bool = False) -> News:
    facts = {"instanceName": name}
    return News(occasion=Occasion.AGENT_GONE, over=over, at=at, about="i-1", facts=facts)


def failed(at: datetime = NOW, name: str = "deploy", count: int = 1) -> News:
    machine = {"instanceId": "i-1", "instanceName": "web-1", "status": "Failed", "exitCode": 3}
    facts = {
        "name": name,
        "failedCount": count,
        "totalCount": 40,
        "machines": [{**machine, "errorCode": "ExitCodeNonzero"}],
        "look": "cloudhand result t-1",
    }
    return News(occasion=Occasion.FAILED, at=at, about="t-1", facts=facts)


@pytest.mark.parametrize(
    ("waiting", "now", "places", "due"),
    [
        ([], 0, [], None),
        ([failed()], 0, [0], None),
        ([gone(NOW)], 0, [], 30),
        ([gone(NOW), failed(after(1))], 1, [1], 30),
        ([gone(NOW), gone(after(20))], 49, [], 50),
        ([gone(NOW), gone(after(20)), failed(after(40))], 50, [0, 1, 2], None),
        ([gone(after(n)) for n in range(0, 120, 10)], 119, [], 120),
        ([gone(after(n)) for n in range(0, 121, 10)], 120, list(range(13)), None),
    ],
)
def test_what_comes_together_is_told_together(
    waiting: list[News], now: float, places: list[int], due: float | None
) -> None:
    expected = None if due is None else after(due)
    assert notification.ripe(waiting, now=after(now)) == (places, expected)


def test_pauses_grow_until_it_is_given_up() -> None:
    at, pauses = NOW, []
    one = channel(sent=Sent(id="msg-1", began_at=NOW))
    while one.sent is not None:
        one = notification.refused(one, Refusal(why="no"), now=at)
        pauses.append((one.due_at - at).total_seconds())
        at = one.due_at
    assert pauses[:9] == [5, 10, 20, 40, 80, 160, 320, 640, 900]
    assert set(pauses[9:-1]) == {900}
    assert GIVEN_UP_AFTER <= at - NOW < GIVEN_UP_AFTER + timedelta(minutes=16)
    assert (one.last_error, one.last_success_at) == ("no", None)


@pytest.mark.parametrize(("asked", "waits"), [(0, 5), (60, 60), (99_999, 3600)])
def test_who_asks_for_time_is_given_it(asked: int, waits: int) -> None:
    refusal = Refusal(why="too many", retry_after=timedelta(seconds=asked))
    one = notification.refused(channel(sent=Sent(id="m", began_at=NOW)), refusal, now=NOW)
    assert one.due_at == after(waits)


@pytest.mark.parametrize("kind", Kind)
def test_chats_are_given_no_more_than_they_take(kind: Kind) -> None:
    one = notification.succeeded(channel(kind, sent=Sent(id="m", began_at=NOW)), now=NOW)
    assert one.sent is None and one.last_success_at == NOW
    assert one.due_at == (NOW if kind is Kind.WEBHOOK else after(4))
    assert timedelta(minutes=1) / timedelta(seconds=4) < 20


def test_a_test_that_arrives_hastens_what_waits() -> None:
    trial = Trial(id="m", at=NOW)
    one = channel(test=trial, due_at=after(900))
    assert one.tests
    arrived = notification.tested(one, None, now=NOW)
    assert arrived.test is not None and arrived.test.outcome == "" and not arrived.tests
    assert arrived.due_at == NOW
    refused = notification.tested(one, Refusal(why="no"), now=NOW)
    assert refused.test is not None and refused.test.outcome == "no"
    assert (refused.due_at, refused.last_error) == (after(900), "no")


# Forms


def message(text: str = "Cloudhand 1:\nit failed") -> Message:
    return Message(id="msg-1", text=text, news=[failed()], account="1", began_at=NOW)


def posted(
    one: Channel, text: str = "Cloudhand 1:\nit failed"
) -> tuple[str, dict[str, str], dict[str, object]]:
    post = notification_forms.post(one, message(text), now=NOW)
    return post.url, dict(post.headers), json.loads(post.body)


def test_a_webhook_is_signed_as_standard_webhooks_say() -> None:
    post = notification_forms.post(channel(), message(), now=NOW)
    signed = b"msg-1." + STAMP.encode() + b"." + post.body
    mac = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    assert post.url == channel().address
    assert post.headers["webhook-id"] == "msg-1"
    assert post.headers["webhook-timestamp"] == STAMP
    assert post.headers["webhook-signature"] == f"v1,{mac}"
    told = json.loads(post.body)
    assert told["type"] == "cloudhand.events"
    assert told["data"]["events"][0]["event"] == "failed"
    assert told["data"]["events"][0]["failedCount"] == 1


def test_the_published_example_of_standard_webhooks_is_signed_as_published() -> None:
    """From the specification: the id, the moment, the body, the secret and their signature."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    at = datetime.fromtimestamp(1614265330, UTC)
    headers = notification_forms._standard(
        secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}', at
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    ("address", "before"),
    [
        ("https://a.example/robot/send?access_token=t", {"access_token": ["t"]}),
        ("https://a.example/robot", {}),
    ],
)
def test_dingtalk_is_signed_in_the_address(address: str, before: dict[str, list[str]]) -> None:
    url, _, body = posted(channel(Kind.DINGTALK, "SECx", address=address))
    text = f"{STAMP}000\nSECx".encode()
    mac = base64.b64encode(hmac.new(b"SECx", text, hashlib.sha256).digest()).decode()
    # As it is read at the other end: a plus that is not quoted would be a blank.
    assert parse_qs(urlsplit(url).query) == before | {"timestamp": [f"{STAMP}000"], "sign": [mac]}
    assert body == {"msgtype": "text", "text": {"content": "Cloudhand 1:\nit failed"}}


def test_feishu_is_signed_in_the_body() -> None:
    url, _, body = posted(channel(Kind.FEISHU, "fs"))
    mac = base64.b64encode(hmac.new(f"{STAMP}\nfs".encode(), b"", hashlib.sha256).digest())
    assert url == channel().address
    assert body == {
        "timestamp": STAMP,
        "sign": mac.decode(),
        "msg_type": "text",
        "content": {"text": "Cloudhand 1:\nit failed"},
    }


@pytest.mark.parametrize("kind", [Kind.DINGTALK, Kind.FEISHU])
def test_a_robot_without_a_secret_gets_nothing_signed(kind: Kind) -> None:
    url, _, body = posted(channel(kind, ""))
    assert url == channel().address
    assert "sign" not in body


def test_nobody_is_called_by_a_name() -> None:
    text = 'a <at user_id="all">b</at> & <!channel>'
    assert posted(channel(Kind.SLACK, ""), text)[2] == {
        "text": 'a &lt;at user_id="all"&gt;b&lt;/at&gt; &amp; &lt;!channel&gt;'
    }
    for kind in (Kind.FEISHU, Kind.WECOM):
        assert "<" not in json.dumps(posted(channel(kind, ""), text)[2])


@pytest.mark.parametrize(
    ("kind", "answer", "why"),
    [
        (Kind.WEBHOOK, Answer(status=204), None),
        (Kind.WEBHOOK, Answer(status=302), "it answered 302"),
        (Kind.WEBHOOK, Answer(status=500, body=b'{"msg": "anything"}'), "it answered 500"),
        (Kind.SLACK, Answer(status=200, body=b"ok"), None),
        (Kind.SLACK, Answer(status=403, body=b"invalid_token"), "it answered 403"),
        (Kind.DINGTALK, Answer(status=200, body=b'{"errcode":0,"errmsg":"ok"}'), None),
        (
            Kind.DINGTALK,
            Answer(status=200, body=b'{"errcode":310000,"errmsg":"sign not match"}'),
            "it answered 310000: sign not match",
        ),
        (Kind.FEISHU, Answer(status=200, body=b'{"code":0,"msg":"success"}'), None),
        (Kind.FEISHU, Answer(status=200, body=b'{"StatusCode":0}'), None),
        (
            Kind.FEISHU,
            Answer(status=400, body=b'{"code":19021,"msg":"sign match fail"}'),
            "it answered 400: sign match fail",
        ),
        (Kind.WECOM, Answer(status=200, body=b'{"errcode":0}'), None),
        (
            Kind.WECOM,
            Answer(status=200, body=b'{"errcode":93000,"errmsg":"no key hush here"}'),
            "it answered 93000",
        ),
        (Kind.WECOM, Answer(status=200, body=b"<html>"), "what answers is no robot of wecom"),
        (Kind.WECOM, Answer(status=200, body=b"[1]"), "what answers is no robot of wecom"),
        (Kind.WECOM, Answer(status=200, body=b"[" * 99_999), "what answers is no robot of wecom"),
    ],
)
def test_an_answer_is_what_it_says(kind: Kind, answer: Answer, why: str | None) -> None:
    refusal = notification_forms.refusal(channel(kind), answer, now=NOW)
    assert (refusal.why if refusal else None) == why


@pytest.mark.parametrize(
    ("kind", "answer", "seconds"),
    [
        (Kind.SLACK, Answer(status=429, retry_after="30"), 30),
        (Kind.SLACK, Answer(status=503, retry_after="Fri, 02 Jan 2026 03:05:05 GMT"), 60),
        (Kind.SLACK, Answer(status=429, retry_after="soon"), 0),
        (Kind.SLACK, Answer(status=429, retry_after="1" * 5000), 111_111_111),
        (Kind.WEBHOOK, Answer(status=500), 0),
        (Kind.DINGTALK, Answer(status=200, body=b'{"errcode":130101}'), 60),
        (Kind.WECOM, Answer(status=200, body=b'{"errcode":45009}', retry_after="90"), 90),
    ],
)
def test_too_many_is_told_in_several_ways(kind: Kind, answer: Answer, seconds: int) -> None:
    refusal = notification_forms.refusal(channel(kind), answer, now=NOW)
    assert refusal is not None and refusal.retry_after.total_seconds() == seconds


@pytest.mark.parametrize("text", ["", "whsec_", "whsec_%%", "whsec_é", "c2hvcnQ=" * 4])
def test_what_is_no_secret_is_known(text: str) -> None:
    assert not notification_forms.is_secret(text)
    assert notification_forms.is_secret(notification_forms.new_secret(KEY))


# Words


def text(*news: News, language: Language = Language.ENGLISH) -> str:
    return notification_words.text(news, account="1", language=language)


def not_back(name: str, kind: str) -> News:
    facts = {"instanceName": name, "kind": kind}
    return News(occasion=Occasion.NOT_BACK, at=NOW, about="i-1", facts=facts)


ALL = (
    failed(),
    News(
        occasion=Occasion.FAILED,
        at=NOW,
        about="exec-1",
        facts={"name": "T", "look": "cloudhand template show exec-1"},
    ),
    News(
        occasion=Occasion.FAILED,
        at=NOW,
        about="mi-1",
        facts={
            "instanceName": "web-9",
            "status": "RolledBack",
            "release": "0.3.0",
            "look": "cloudhand call DescribeAgentUpgrades InstanceId.1=mi-1",
        },
    ),
    News(occasion=Occasion.OVERDUE, at=NOW, facts={"counts": {"target": 2, "file": 1}}),
    News(occasion=Occasion.OVERDUE, over=True, at=NOW),
    not_back("db-1", "restart"),
    not_back("db-2", "stop"),
    gone(NOW, "web-1"),
    gone(NOW, ""),
    gone(NOW, "web-3", over=True),
)


def test_everything_has_its_words() -> None:
    assert text(*ALL).splitlines() == [
        "Cloudhand 1:",
        "t-1 (deploy) failed on 1 of 40: web-1 (exit code 3)",
        "  see: cloudhand result t-1",
        "exec-1 (T) failed",
        "  see: cloudhand template show exec-1",
        "the agent of web-9 was not upgraded to 0.3.0 (RolledBack)",
        "  see: cloudhand call DescribeAgentUpgrades InstanceId.1=mi-1",
        "past the deadline, and nobody decides: 2 target, 1 file; see the log of the control plane",
        "nothing is past its deadline any more",
        "not back after a restart (1): db-1",
        "not seen to stop when asked to (1): db-2",
        "agents gone (2): i-1, web-1",
        "agents back (1): web-3",
    ]


def test_everything_has_its_words_in_chinese() -> None:
    assert text(*ALL, language=Language.CHINESE).splitlines() == [
        "Cloudhand 1：",
        "t-1（deploy） 在 40 台机器中有 1 台失败：web-1（退出码 3）",
        "  查看：cloudhand result t-1",
        "exec-1（T） 执行失败",
        "  查看：cloudhand template show exec-1",
        "web-9 的 Agent 没有升级到 0.3.0（RolledBack）",
        "  查看：cloudhand call DescribeAgentUpgrades InstanceId.1=mi-1",
        "已超过期限却没有结论：2 target、1 file；请查看控制面日志",
        "已经没有超过期限的任务",
        "重启后没有恢复（1 台）：db-1",
        "没有按要求停机（1 台）：db-2",
        "失联（2 台）：i-1、web-1",
        "恢复联系（1 台）：web-3",
    ]


def test_of_many_machines_some_are_named() -> None:
    told = text(*(gone(NOW, f"web-{n:03}") for n in range(299, -1, -1)))
    assert told.endswith("agents gone (300): " + ", ".join(f"web-{n:03}" for n in range(10))
                         + " and 290 more")  # fmt: skip
    assert "web-1 (exit code 3) and 6 more" in text(failed(count=7))


def test_a_machine_that_did_not_fail_by_itself_has_its_code() -> None:
    one = failed()
    machine = {**one.facts["machines"][0], "exitCode": None, "status": "Error"}
    for code, shown in (("ClientNotOnline", "ClientNotOnline"), ("", "Error")):
        facts = {**one.facts, "machines": [{**machine, "errorCode": code}]}
        told = text(News(occasion=one.occasion, at=NOW, about="t-1", facts=facts))
        assert f"web-1 ({shown})" in told


@pytest.mark.parametrize("language", Language)
def test_a_text_fits_into_every_chat(language: Language) -> None:
    many = [failed(name="长" * 500) for _ in range(50)] + [gone(NOW, "名" * 500)] * 50
    told = text(*many, language=language)
    assert len(told.encode()) <= 2048
    assert len(told.splitlines()) > 5
    left = 2 * 50 + 2 - (len(told.splitlines()) - 1)
    assert told.splitlines()[-1].strip("…. ") in (f"and {left} more lines", f"另有 {left} 行")


@pytest.mark.parametrize("language", Language)
def test_a_name_stays_in_its_line(language: Language) -> None:
    told = text(gone(NOW, "a\nb\u2028c\x1b[31m" + "d" * 100), language=language)
    assert len(told.splitlines()) == 2
    assert "a b c [31mddd" in told
    assert "\x1b" not in told


@pytest.mark.parametrize("language", Language)
def test_the_word_that_dingtalk_may_ask_for_is_there(language: Language) -> None:
    assert notification_words.text_of_test("ops", language).startswith("Cloudhand")
    assert "ops" in notification_words.text_of_test("ops", language)
    assert text(failed(), language=language).startswith("Cloudhand")
