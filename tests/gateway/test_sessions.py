"""Terminal sessions over the published protocol, and where their users would open them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from cloudhand.control.pokes import Kick
from cloudhand.core.ids import InstanceId, InvokeId, SessionId
from cloudhand.core.session import Terminal
from cloudhand.wire import session
from tests.gateway.plane import Plane, Visitor
from tests.sessions import connection, start


@pytest.fixture
async def visitor(plane: Plane, rsa_key: rsa.RSAPrivateKey) -> Visitor:
    made = await plane.published(rsa_key)
    await made.beat()
    return made


def the_id(visitor: Visitor) -> InstanceId:
    return InstanceId(visitor.instance_id)


async def listed(visitor: Visitor, channel_id: str) -> Any:
    answer = await visitor.ask("POST", session.LIST_PATH, {"channelId": channel_id})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def say(visitor: Visitor, channel_id: str, status: str, code: str = "") -> int:
    query = {"channelId": channel_id, "status": status, "errorcode": code}
    return (await visitor.ask("POST", session.STATUS_PATH, query)).status_code


async def test_an_agent_is_given_the_session_that_it_asks_for_and_no_other(
    plane: Plane, visitor: Visitor
) -> None:
    terminal = Terminal(
        username="ann", password_name="word", port_number=22, target_server="10.0.0.9"
    )
    started = await start(plane.world, the_id(visitor), terminal=terminal)
    other = await start(plane.world, the_id(visitor), terminal=Terminal(command_line="top -b"))

    assert await listed(visitor, started.id) == {
        "code": 200,
        "session": [
            {
                "channelId": started.id,
                "cmdContent": "",
                "username": "ann",
                "windowsPasswordName": "word",
                "passwordName": "word",
                "websocketUrl": "",
                "targetHost": "10.0.0.9",
                "portNumber": "22",
                "flowLimit": 0,
            }
        ],
    }
    (item,) = (await listed(visitor, other.id))["session"]
    assert (item["cmdContent"], item["portNumber"]) == ("top -b", "")
    for channel_id in ("", "s-nobody", started.id):
        assert await listed(visitor, channel_id) == {"code": 200, "session": []}


async def test_nobody_is_given_the_sessions_of_others(
    plane: Plane, visitor: Visitor, rsa_key: rsa.RSAPrivateKey
) -> None:
    other = await plane.published(rsa_key, machine_id="machine-2")
    started = await start(plane.world, the_id(visitor))
    assert (await listed(other, started.id))["session"] == []
    assert await say(other, started.id, "Failed", "Open_pty_failed") == 200
    assert (await connection(plane.world, started.id)).state == "Connecting"


async def test_it_is_kicked_in_the_words_of_the_protocol(plane: Plane, visitor: Visitor) -> None:
    async with visitor.channel() as channel:
        started = await start(plane.world, the_id(visitor))
        assert await channel.recv() == f"kick_vm session start {started.id}"
        await plane.world.control.sessions.end(started.id)
        assert await channel.recv() == f"kick_vm session stop {started.id}"


async def test_sessions_are_named_also_when_kicks_come_at_once(plane: Plane) -> None:
    """One word has an agent fetch all its commands, but not a session."""
    sent: list[str] = []
    taken = asyncio.Event()

    async def receive() -> dict[str, str]:
        await asyncio.Event().wait()
        return {}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message.get("text", message["type"]))
        await taken.wait()

    instance_id = InstanceId("i-busy")
    serving = asyncio.create_task(plane.channel.serve(instance_id, receive, send))
    await plane.until(lambda: plane.channel.open_count == 1)
    for kick, work in (
        (Kick.RUN, InvokeId("t-1")),
        (Kick.OPEN, SessionId("s-1")),
        (Kick.RUN, InvokeId("t-2")),
        (Kick.CLOSE, SessionId("s-2")),
        (Kick.FILE, InvokeId("f-1")),
    ):
        plane.channel.kick(instance_id, kick, work)
    taken.set()
    await plane.until(lambda: len(sent) == 4)
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    assert sent == [
        "kick_vm task run t-1",
        "kick_vm",
        "kick_vm session start s-1",
        "kick_vm session stop s-2",
    ]


@pytest.mark.parametrize(
    ("status", "code", "state"),
    [
        ("Failed", "Open_channel_failed", "Failed"),
        ("Success", "Timeout", "Disconnected"),
    ],
)
async def test_what_an_agent_says_of_its_end_is_recorded(
    plane: Plane, visitor: Visitor, status: str, code: str, state: str
) -> None:
    started = await start(plane.world, the_id(visitor))
    await listed(visitor, started.id)
    assert await say(visitor, started.id, status, code) == 200
    found = await connection(plane.world, started.id)
    assert (found.state, found.closed_reason) == (state, "AgentSocketClosed")
    assert found.ended_at == plane.world.clock.now()
    assert await say(visitor, started.id, status, code) == 200  # once more


async def test_what_is_no_end_is_refused(plane: Plane, visitor: Visitor) -> None:
    assert await say(visitor, "s-1", "Running") == 422
    assert await say(visitor, "s-nobody", "Failed") == 200


async def test_an_agent_cannot_open_its_end_yet(plane: Plane, visitor: Visitor) -> None:
    started = await start(plane.world, the_id(visitor))
    query = f"channelId={started.id}"
    headers = visitor.signed("GET", session.AGENT_PATH, query, b"")
    agent = headers.pop("User-Agent")
    with pytest.raises(InvalidStatus) as refused:
        await connect(
            f"ws://127.0.0.1:{plane.port}{session.AGENT_PATH}?{query}",
            additional_headers=headers,
            user_agent_header=agent,
            proxy=None,
        )
    assert refused.value.response.status_code == 403
    assert (await connection(plane.world, started.id)).state == "Connecting"


@asynccontextmanager
async def users_end(plane: Plane, session_id: str, token: str) -> AsyncIterator[ClientConnection]:
    query = urlencode({"sessionId": session_id, "token": token})
    uri = f"ws://127.0.0.1:{plane.port}{session.USER_PATH}?{query}"
    async with connect(uri, proxy=None) as opened:
        yield opened


async def closed(plane: Plane, session_id: str, token: str) -> tuple[int, str]:
    """How the end of a user is closed."""
    async with users_end(plane, session_id, token) as opened:
        with pytest.raises(ConnectionClosed) as caught:
            await opened.recv()
    assert caught.value.rcvd is not None
    return caught.value.rcvd.code, caught.value.rcvd.reason


async def test_a_user_is_told_that_terminals_are_not_carried(
    plane: Plane, visitor: Visitor
) -> None:
    started = await start(plane.world, the_id(visitor))
    assert await closed(plane, started.id, started.token) == (
        4003,
        "terminals are not carried here yet",
    )
    none = (1008, "the session has ended, or is none of this token")
    assert await closed(plane, started.id, "another") == none
    assert await closed(plane, "", "") == none
    await plane.world.control.sessions.end(started.id)
    assert await closed(plane, started.id, started.token) == none


async def test_so_is_who_asks_without_a_socket(plane: Plane) -> None:
    answer = await plane.send("GET", session.USER_PATH, "sessionId=s-1&token=t", b"", {})
    assert answer.status_code == 501
    assert answer.json()["message"] == "terminals are not carried here yet"
