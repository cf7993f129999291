"""Requests of our agent that come over its channel: what they say and mean is as over HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from cloudhand.core.invocation import State
from cloudhand.gateway import channel as channels
from cloudhand.wire import agent as wire
from cloudhand.wire import enclosed
from tests.gateway.plane import OurSigner, Plane, Visitor

OFFERED = {wire.EXTENSIONS_HEADER: "1"}
_SIGNED = (
    wire.TIMESTAMP_HEADER,
    wire.REQUEST_HEADER,
    wire.BOOT_HEADER,
    wire.HMAC_SIGNATURE_HEADER,
)


class Asker:
    """Somebody who asks over an open channel."""

    def __init__(self, visitor: Visitor, socket: ClientConnection) -> None:
        self.visitor = visitor
        self.socket = socket

    def request(self, method: str, path: str, query: dict[str, object], body: bytes) -> bytes:
        text = urlencode(query)
        signed = self.visitor.signed(method, path, text, body)
        headers = {name.lower(): value for name, value in signed.items()}
        return enclosed.Request(method, f"{path}?{text}", headers, body).to_bytes()

    async def send(self, message: bytes) -> tuple[int, Any]:
        """The answer; kicks that come before it are passed over."""
        await self.socket.send(message)
        request_id = self.visitor.sent[-1].request_id
        async with asyncio.timeout(10):
            while True:
                said = await self.socket.recv()
                if isinstance(said, bytes):
                    answered, status, body = enclosed.answer_from_bytes(said)
                    assert answered == request_id
                    return status, json.loads(body)

    async def ask(
        self, method: str, path: str, query: dict[str, object], body: bytes = b""
    ) -> tuple[int, Any]:
        return await self.send(self.request(method, path, query, body))

    async def beat(self) -> tuple[int, Any]:
        return await self.ask("GET", wire.HEARTBEAT_PATH, {"uptime": 60_000, "pid": 7})


@pytest.fixture
async def asker(plane: Plane) -> AsyncIterator[Asker]:
    visitor = await plane.ours()
    async with visitor.channel(**OFFERED) as socket:
        assert socket.response is not None and enclosed.HEADER in socket.response.headers
        yield Asker(visitor, socket)


async def test_a_command_from_kick_to_end(plane: Plane, asker: Asker) -> None:
    status, said = await asker.beat()
    assert (status, list(said)) == (200, ["nextInterval"])
    invoke_id = await plane.run(asker.visitor)

    _, work = await asker.ask("POST", wire.TASK_LIST_PATH, {"reason": "kickoff"})
    assert [item["task"]["taskID"] for item in work["run"]] == [invoke_id]
    finish = {"taskId": invoke_id, "start": 1, "end": 2, "exitCode": 0, "offset": 0}
    path = wire.REPORT_PATH + wire.FINISH
    status, _ = await asker.ask("POST", path, finish, b"helloworld\n")

    assert status == 200
    result = await plane.result(invoke_id)
    assert (result.target.state, result.output) == (State.SUCCESS, b"helloworld\n")


async def test_who_speaks_is_looked_at_each_time(plane: Plane, asker: Asker) -> None:
    good = asker.request("GET", wire.HEARTBEAT_PATH, {"uptime": 1}, b"")
    assert (await asker.send(good))[0] == 200
    status, said = await asker.send(good)
    assert (status, said["reason"]) == (401, "replay")

    other = asker.request("GET", wire.HEARTBEAT_PATH, {"uptime": 1}, b"").replace(
        b"uptime=1", b"uptime=2"
    )
    status, said = await asker.send(other)
    assert (status, said["reason"]) == (401, "signature")

    asker.visitor.signer = OurSigner(key=b"another", boot_id="boot-1")
    status, said = await asker.beat()
    assert (status, said["reason"]) == (401, "signature")


@pytest.mark.parametrize(
    ("method", "path", "query", "status"),
    [
        ("GET", "/luban/api/nothing", {}, 404),
        ("POST", wire.REGISTER_PATH, {}, 404),
        ("GET", wire.CHANNEL_PATH, {}, 404),
        ("GET", wire.HEARTBEAT_PATH, {"uptime": "soon"}, 422),
        ("POST", wire.INVENTORY_PATH, {}, 422),
    ],
)
async def test_what_is_no_good_is_refused_and_the_channel_lives(
    asker: Asker, method: str, path: str, query: dict[str, object], status: int
) -> None:
    assert (await asker.ask(method, path, query))[0] == status
    assert (await asker.beat())[0] == 200


@pytest.mark.parametrize("message", [b"\x00\xff", b"GET /luban/x 1 2 3", b"\n", b" " * 200])
async def test_what_is_no_request_ends_the_channel(
    plane: Plane, asker: Asker, message: bytes
) -> None:
    await asker.socket.send(message)

    with pytest.raises(ConnectionClosed) as closed:
        await asker.socket.recv()
    assert closed.value.rcvd is not None and closed.value.rcvd.code == 1008
    await plane.until(lambda: plane.channel.open_count == 0)


async def test_a_flood_of_requests_is_answered_one_after_the_other(asker: Asker) -> None:
    for _ in range(300):
        await asker.socket.send(asker.request("GET", wire.HEARTBEAT_PATH, {"uptime": 1}, b""))

    async with asyncio.timeout(60):
        answers = [await asker.socket.recv() for _ in range(300)]
    said = [enclosed.answer_from_bytes(answer) for answer in answers if isinstance(answer, bytes)]
    asked = [request.request_id for request in asker.visitor.sent[-300:]]
    assert [(request_id, status) for request_id, status, _ in said] == [(i, 200) for i in asked]


async def test_who_takes_no_answer_is_cut_off(
    plane: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels, "_SEND_TIMEOUT", 0.1)
    visitor = await plane.ours()
    await visitor.beat()
    # Nobody signed it, but who asks is told so, by the name of the request.
    long_name = enclosed.Request(
        "GET", "/", dict.fromkeys(_SIGNED, "1") | {wire.REQUEST_HEADER: "r" * 60_000}
    )
    async with visitor.channel(**OFFERED) as socket:
        socket.transport.pause_reading()

        async def ask() -> None:
            while True:
                await socket.send(long_name.to_bytes())

        asking = asyncio.create_task(ask())
        try:
            await plane.until(lambda: plane.channel.open_count == 0)
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            socket.transport.abort()


async def test_a_message_that_is_too_large_ends_the_channel(asker: Asker) -> None:
    await asker.socket.send(b"x" * (enclosed.MESSAGE_LIMIT + 1))

    with pytest.raises(ConnectionClosed) as closed:
        await asker.socket.recv()
    assert closed.value.rcvd is not None and closed.value.rcvd.code == 1009


async def test_the_published_agent_is_offered_nothing(
    plane: Plane, rsa_key: rsa.RSAPrivateKey
) -> None:
    visitor = await plane.published(rsa_key)
    async with visitor.channel() as socket:
        assert socket.response is not None and enclosed.HEADER not in socket.response.headers
        await socket.send(b"\x00\xff")
        await visitor.beat()
        await plane.run(visitor)

        async with asyncio.timeout(10):
            assert str(await socket.recv()).startswith("kick_vm")
