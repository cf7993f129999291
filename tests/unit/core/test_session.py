"""What becomes of a session."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from cloudhand.core import instance, session_verdict
from cloudhand.core.ids import InstanceId, SessionId
from cloudhand.core.instance import Agent, AgentKind
from cloudhand.core.session import CONNECTION, ClosedReason, Connection, State
from cloudhand.wire.session import Report

NOW = datetime(2026, 1, 2, tzinfo=UTC)
TO_ONE = Connection(
    session_id=SessionId("s-1"),
    instance_id=InstanceId("i-1"),
    started_at=NOW,
    deadline_at=NOW,
)
AGENT = Agent(
    instance_id=InstanceId("i-1"),
    kind=AgentKind.PUBLISHED,
    key=b"",
    machine_id="machine",
    version="2.2.3.578",
    last_seen_at=NOW,
)
RUNNING, STOPPED = instance.State.RUNNING, instance.State.STOPPED


@pytest.mark.parametrize(
    ("state", "agent", "online", "reason", "words"),
    [
        (None, AGENT, True, None, ""),
        (RUNNING, AGENT, True, None, ""),
        (RUNNING, replace(AGENT, version="2.2.3.256"), True, None, ""),
        (RUNNING, replace(AGENT, version="newest"), True, None, ""),
        (STOPPED, AGENT, True, ClosedReason.INSTANCE_NOT_RUNNING, "is not running"),
        (instance.State.REBOOTING, AGENT, True, ClosedReason.INSTANCE_NOT_RUNNING, "not running"),
        (None, AGENT, False, ClosedReason.AGENT_NOT_ONLINE, "is not online"),
        (None, None, False, ClosedReason.AGENT_NOT_ONLINE, "has never been online"),
        (
            None,
            replace(AGENT, version="2.2.3.255"),
            True,
            ClosedReason.AGENT_NEED_UPGRADE,
            "2.2.3.255 is too old for sessions (since 2.x.3.256)",
        ),
        (
            RUNNING,
            replace(AGENT, kind=AgentKind.CLOUDHAND),
            True,
            ClosedReason.AGENT_NEED_UPGRADE,
            "Cloudhand takes no sessions yet",
        ),
        (
            RUNNING,
            replace(AGENT, kind=AgentKind.CLOUDHAND, refusals={"sessions": "/r, line 1"}),
            True,
            ClosedReason.REFUSED_BY_MACHINE,
            "/r, line 1",
        ),
    ],
)
def test_who_is_asked_for_a_session(
    state: instance.State | None,
    agent: Agent | None,
    online: bool,
    reason: ClosedReason | None,
    words: str,
) -> None:
    said = session_verdict.refusal(instance=state, agent=agent, online=online)
    assert (said.reason if said else None) is reason
    if said is not None:
        assert words in said.detail
        assert CONNECTION.move(State.CONNECTING, said.event) is State.FAILED


@pytest.mark.parametrize(
    ("report", "state", "reason", "detail"),
    [
        ("Success Ok", State.DISCONNECTED, ClosedReason.AGENT_SOCKET_CLOSED, ""),
        (
            "Failed Open_pty_failed",
            State.FAILED,
            ClosedReason.AGENT_SOCKET_CLOSED,
            "the agent reported Open_pty_failed",
        ),
        (
            "Failed OpenChannelFailed",
            State.FAILED,
            ClosedReason.AGENT_SOCKET_CLOSED,
            "the agent reported OpenChannelFailed: terminals are not carried here yet",
        ),
        (
            "Failed Process_data_error",
            State.FAILED,
            ClosedReason.MESSAGE_FORMAT_INVALID,
            "the agent reported Process_data_error",
        ),
        (
            "Failed",
            State.FAILED,
            ClosedReason.AGENT_SOCKET_CLOSED,
            "the agent reported a failure",
        ),
    ],
)
def test_what_an_agent_says(report: str, state: State, reason: ClosedReason, detail: str) -> None:
    status, _, code = report.partition(" ")
    said = session_verdict.of_report(
        Report(channel_id="s-1", succeeded=status == "Success", error_code=code)
    )
    for before in (State.CONNECTING, State.CONNECTED):
        assert CONNECTION.move(before, said.event) is state
    assert (said.reason, said.detail) == (reason, detail)


@pytest.mark.parametrize(
    ("state", "online", "fetched", "reason", "words"),
    [
        (None, True, False, ClosedReason.DELIVERY_TIMEOUT, "has not fetched the session"),
        (RUNNING, True, True, ClosedReason.DELIVERY_TIMEOUT, "has not opened the session"),
        (None, False, True, ClosedReason.AGENT_NOT_ONLINE, "is not online"),
        (STOPPED, False, True, ClosedReason.INSTANCE_NOT_RUNNING, "the instance is not running"),
    ],
)
def test_what_silence_means(
    state: instance.State | None,
    online: bool,
    fetched: bool,
    reason: ClosedReason,
    words: str,
) -> None:
    connection = replace(TO_ONE, fetched_at=NOW if fetched else None)
    said = session_verdict.of_silence(connection, instance=state, agent=AGENT, online=online)
    assert said.reason is reason
    assert words in said.detail
    assert CONNECTION.move(connection.state, said.event) is State.FAILED
