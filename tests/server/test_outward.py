"""Messages to the world: what cannot be sent is told in a phrase, whatever its address is."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from cloudhand.core.notification import Answer
from cloudhand.server.outward import Outward

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("", "not one of http or https"),
        ("ftp://a.example/", "not one of http or https"),
        ("http:///path", "not one of http or https"),
        ("http://[::1", "not one of http or https"),
        ("http://a.example:99999/", "not one of http or https"),
        ("http://\u2100.example/", "not one of http or https"),
        (f"http://{'a' * 64}.example/", "cannot find a"),
        (f"http://{'ü' * 64}.example/", "cannot find ü"),
        ("http://127.0.0.1:1/", "an address of this machine or its network"),
        ("http://169.254.169.254/latest", "an address of this machine or its network"),
        ("http://a.example/two words", "letters that no address has"),
        ("http://a.example/ü", "letters that no address has"),
    ],
)
async def test_an_address_that_cannot_be_reached_is_told(url: str, told: str) -> None:
    with pytest.raises(OSError, match=told):
        await Outward()(url, headers={}, body=b"{}", key="k")


@pytest.mark.parametrize("headers", [{"a b": "c"}, {"a": "b\r\nc: d"}, {"a": "名"}])
async def test_a_header_that_would_be_another_request_is_told(headers: dict[str, str]) -> None:
    with pytest.raises(OSError, match="a header has letters that none has"):
        await Outward()("http://a.example/", headers=headers, body=b"{}", key="k")


@asynccontextmanager
async def _serving(serve: Serve) -> AsyncIterator[str]:
    tasks: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await serve(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook?key=k"
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _answering(*pieces: bytes, stays: bool = False) -> Serve:
    """``stays``: the connection is left open, and nothing more comes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        if stays:
            await asyncio.Event().wait()

    return serve


async def _sent(serve: Serve, *, timeout: float = 10) -> Answer:
    async with _serving(serve) as url:
        return await Outward(LOOPBACK, timeout=timeout).send(url, headers={}, body=b"{}", key="k")


async def test_a_request_is_whole() -> None:
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        heard.append(await reader.readexactly(5))
        writer.write(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n")

    async with _serving(serve) as url:
        given = {"X-One": "1", "Content-Length": "7", "Transfer-Encoding": "chunked"}
        assert await Outward(LOOPBACK)(url, headers=given, body=b"hello", key="k") == 202
    lines = heard[0].decode().lower().split("\r\n")
    assert lines[0] == "post /hook?key=k http/1.1"
    assert {"x-one: 1", "x-cloudhand-key: k", "content-length: 5"} <= set(lines)
    assert not any(line.startswith("transfer-encoding") for line in lines)
    assert heard[1] == b"hello"


@pytest.mark.parametrize(
    ("pieces", "answer"),
    [
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"], Answer(status=200, body=b"ok")),
        (
            [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"2\r\nok\r\n0\r\n\r\n"],
            Answer(status=200, body=b"ok"),
        ),
        ([b"HTTP/1.0 200 OK\r\n\r\no", b"k"], Answer(status=200, body=b"ok")),
        (
            [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 204 No Content\r\n\r\n"],
            Answer(status=204),
        ),
        (
            [b"HTTP/1.1 429 Slow\r\nRETRY-AFTER: 30\r\nContent-Length: 0\r\n\r\n"],
            Answer(status=429, retry_after="30"),
        ),
        (
            [b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"],
            Answer(status=302),
        ),
    ],
)
async def test_an_answer_is_read(pieces: list[bytes], answer: Answer) -> None:
    assert await _sent(_answering(*pieces)) == answer


async def test_of_a_long_answer_the_beginning_is_read() -> None:
    endless = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + b"x" * 200_000
    found = await _sent(_answering(endless, stays=True))
    assert (found.status, found.body) == (200, b"x" * 16 * 1024)


@pytest.mark.parametrize(
    ("pieces", "told"),
    [
        ([b"SSH-2.0-OpenSSH_9\r\n"], "it does not speak HTTP"),
        ([b"HTTP/1.1 101 Other\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"], "not speak HTTP"),
        ([b"HTTP/1.1 200 OK\r\n", *[b"a: " + b"x" * 9_000 + b"\r\n"] * 9], "head does not end"),
        ([b"HTTP/1.1 200 OK\r\na: "], "it hung up without an answer"),
        ([], "it hung up without an answer"),
    ],
)
async def test_what_is_no_answer_is_told(pieces: list[bytes], told: str) -> None:
    with pytest.raises(OSError, match=told):
        await _sent(_answering(*pieces))


async def test_nobody_who_does_not_answer_is_waited_for() -> None:
    with pytest.raises(OSError, match=r"it did not answer within 0.2 s"):
        await _sent(_answering(b"HTTP/1.1 200 OK\r\n", stays=True), timeout=0.2)


async def test_nobody_who_answers_byte_by_byte_is_waited_for() -> None:
    """Each byte comes soon enough: it is the whole that is bounded."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nX: ")
        tick = asyncio.Event()
        while True:
            asyncio.get_running_loop().call_later(0.01, tick.set)
            await tick.wait()
            tick.clear()
            writer.write(b"x")
            await writer.drain()

    with pytest.raises(OSError, match=r"it did not answer within 0.3 s"):
        await _sent(serve, timeout=0.3)


async def test_an_answer_counts_though_what_follows_its_head_does_not_come() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"
    found = await _sent(_answering(head, stays=True), timeout=0.2)
    assert found == Answer(status=200, body=b"ok")


async def test_nobody_is_there() -> None:
    async with _serving(_answering()) as url:
        pass
    with pytest.raises(ConnectionRefusedError):
        await Outward(LOOPBACK)(url, headers={}, body=b"{}", key="k")
