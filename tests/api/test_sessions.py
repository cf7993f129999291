"""Operations on terminal sessions: what callers are told of those that they started."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from alibabacloud_ecs20140526 import models

from cloudhand.core.ids import SessionId
from tests.api.clients import CALLERS, OOS, Caller, classic, tea
from tests.api.cloud import KEY, Cloud
from tests.api.oos import Oos, api, template
from tests.compat.fits import misfits
from tests.sessions import join


@pytest.fixture
def call(it: Cloud) -> Caller:
    return tea(it.endpoint)


def listed(call: Caller, **wanted: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = call("DescribeTerminalSessions", **wanted)["Sessions"]["Session"]
    return found


@pytest.mark.parametrize("client", sorted(CALLERS))
def test_a_session_is_started_told_and_ended(it: Cloud, client: str) -> None:
    call = CALLERS[client](it.endpoint)
    instance_id = it.do(join)
    started = call(
        "StartTerminalSession",
        InstanceId=[instance_id],
        Username="ann",
        PasswordName="word",
        PortNumber=22,
        TargetServer="10.0.0.9",
        ConnectionType="Intranet",
        EncryptionOptions={"Enabled": False},
        ClientToken=f"token {client}",
    )
    named = {"SessionId": started["SessionId"]}
    (one,) = listed(call, **named)
    (connection,) = one.pop("Connections")["Connection"]
    moment = one.pop("CreationTime")
    assert len(moment) == len("2026-01-02T03:04:05Z")
    assert one == {
        **named,
        "Username": "ann",
        "IdentityType": "Account",
        "PrincipalId": KEY.account_id,
        "ClientIP": "127.0.0.1",
        "PortNumber": 22,
        "TargetServer": "10.0.0.9",
    }
    assert connection == {
        "InstanceId": instance_id,
        "Status": "Connecting",
        "StartTime": moment,
        "EndTime": "",
        "ClosedReason": "",
        "FailedDetail": "",
    }

    for _ in range(2):
        assert list(call("EndTerminalSession", **named)) == ["RequestId"]

    (one,) = listed(call, **named)
    (connection,) = one["Connections"]["Connection"]
    assert (connection["Status"], connection["ClosedReason"]) == ("Terminated", "ClientClosed")
    assert connection["EndTime"]


def test_the_url_is_at_the_address_that_was_used_and_holds_the_token(
    it: Cloud, call: Caller
) -> None:
    started = call("StartTerminalSession", InstanceId=[it.do(join)])
    url = urlsplit(started["WebSocketUrl"])
    assert (url.scheme, url.netloc, url.path) == ("ws", it.endpoint, "/session")
    session_id, token = started["SessionId"], started["SecurityToken"]
    assert parse_qs(url.query) == {"sessionId": [session_id], "token": [token]}
    assert session_id.startswith("s-") and len(session_id) <= 32
    it.do(lambda world: world.control.sessions.check(SessionId(session_id), token))


def test_our_instances_say_that_their_agent_takes_none(it: Cloud, call: Caller) -> None:
    (instance_id,) = it.instances()
    started = call("StartTerminalSession", InstanceId=[instance_id], CommandLine="top")
    (one,) = listed(call, SessionId=started["SessionId"])
    assert "PortNumber" not in one
    (connection,) = one["Connections"]["Connection"]
    assert (connection["Status"], connection["ClosedReason"]) == ("Failed", "AgentNeedUpgrade")
    assert connection["FailedDetail"].endswith("takes no sessions yet")
    assert connection["EndTime"] == connection["StartTime"]
    for instance, able in ((instance_id, False), (it.do(join), True)):
        told = call("DescribeCloudAssistantStatus", InstanceId=[instance])
        (status,) = told["InstanceCloudAssistantStatusSet"]["InstanceCloudAssistantStatus"]
        assert status["SupportSessionManager"] is able


def test_pages_follow_each_other(it: Cloud, call: Caller) -> None:
    one, other = it.do(join), it.do(join)
    made = [call("StartTerminalSession", InstanceId=[one, other])["SessionId"] for _ in range(11)]
    first = call("DescribeTerminalSessions", InstanceId=one)
    assert len(first["Sessions"]["Session"]) == 10
    seen: list[str] = []
    token = ""
    for _ in range(4):
        told = call("DescribeTerminalSessions", InstanceId=one, MaxResults=3, NextToken=token)
        for session in told["Sessions"]["Session"]:
            seen.append(session["SessionId"])
            (connection,) = session["Connections"]["Connection"]
            assert connection["InstanceId"] == one
        token = told["NextToken"]
    assert (sorted(seen), token) == (sorted(made), "")
    assert listed(call, InstanceId="i-nobody") == listed(call, SessionId="s-nobody") == []


def test_the_answers_have_every_field(it: Cloud) -> None:
    client = classic(it.endpoint)
    opened = {"InstanceId": [it.do(join)], "PortNumber": 22}
    answers = {"StartTerminalSession": client("StartTerminalSession", **opened)}
    named = {"SessionId": answers["StartTerminalSession"]["SessionId"]}
    answers["DescribeTerminalSessions"] = client("DescribeTerminalSessions", **named)
    answers["EndTerminalSession"] = client("EndTerminalSession", **named)
    for action, answer in answers.items():
        model = getattr(models, f"{action}ResponseBody")
        assert list(misfits(models, model, answer)) == [], action


def test_a_template_opens_no_terminal(it: Cloud) -> None:
    """Its token would stand among the outputs."""
    oos = Oos(it, tea(it.endpoint, sdk=OOS))
    asks = api("ask", "StartTerminalSession", InstanceId=[it.do(join)])
    ended = oos.until(oos.start(template(asks)), "Failed")
    assert "UnsupportedOperation" in ended["StatusMessage"]
