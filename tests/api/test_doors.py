"""Who stands at the door of the API and must not come in, or must not keep others out."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from typing import Any
from xml.etree import ElementTree

import pytest
import uvicorn

from cloudhand.api.connections import Connections
from cloudhand.core.account import AccessKey
from cloudhand.server.main import web_config
from tests.api.cloud import INACTIVE, KEY, Cloud
from tests.api.test_http import Line, request, signed

_K = 1024


@pytest.fixture
def line(it: Cloud) -> Iterator[Line]:
    with closing(Line(it)) as one:
        yield one


def _raw(it: Cloud, data: bytes) -> bytes:
    """All that is answered to ``data`` until the other end hangs up."""
    with socket.create_connection(("127.0.0.1", it.port), timeout=20) as one:
        one.sendall(data)
        one.shutdown(socket.SHUT_WR)
        told = b""
        while part := one.recv(65_536):
            told += part
        return told


_BEFORE = b"POST /?x=1 HTTP/1.1\r\nHost: here\r\n"
_AFTER = b"GET /?smuggled=1 HTTP/1.1\r\nHost: here\r\n\r\n"
# Where two readers could differ about where a request ends.
_AMBIGUOUS = {
    "both lengths": b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "both lengths, turned": b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    "two lengths": b"Content-Length: 0\r\nContent-Length: 44\r\n\r\n",
    "a list of lengths": b"Content-Length: 0, 44\r\n\r\n",
    "a negative length": b"Content-Length: -1\r\n\r\n",
    "a signed length": b"Content-Length: +0\r\n\r\n",
    "a hexadecimal length": b"Content-Length: 0x0\r\n\r\n",
    "an endless length": b"Content-Length: 99999999999999999999999\r\n\r\n",
    "an unknown coding": b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked not last": b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "a space before the colon": b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "a folded header": b"X-A: 1\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a bare line feed": b"X-A: 1\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a nul": b"X-A: 1\x00\r\n\r\n",
    "a bad chunk": b"Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
}


@pytest.mark.parametrize("lines", _AMBIGUOUS.values(), ids=_AMBIGUOUS.keys())
def test_where_a_request_ends_is_never_a_question(it: Cloud, lines: bytes) -> None:
    told = _raw(it, _BEFORE + lines + _AFTER)
    assert told.startswith(b"HTTP/1.1 400 "), told[:200]
    assert told.count(b"HTTP/1.1 ") == 1, told
    assert b"smuggled" not in told


def test_half_of_a_request_is_not_carried_out(it: Cloud) -> None:
    """All that is asked stands in its line, and its signature is good; but its end is missing."""
    before = _described(it)
    query = signed("CreateActivation", method="POST", Description="half")
    whole = request(query, method="POST", body=b"x" * 10)
    assert _raw(it, whole[:-3]) == b""
    assert _described(it) == before
    with closing(Line(it)) as line:
        assert line.ask(whole).status == 200
    assert _described(it) != before


def _described(it: Cloud) -> Any:
    with closing(Line(it)) as line:
        return line.ask(request(signed("DescribeActivations"))).json["TotalCount"]


@pytest.mark.parametrize("host", ["<b>&\"'", "x\x0bHTTP/1.1", "h\xe9re", "a" * 4000, "here\tX: 1"])
@pytest.mark.parametrize("form", ["JSON", "XML"])
def test_what_is_echoed_stays_within_the_answer(line: Line, host: str, form: str) -> None:
    query = signed("Describe<Nothing>\r\nX-Injected: 1", Format=form)
    line.send(f"GET /?{query} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode("latin-1"))
    answer = line.answer()
    assert answer.status in (400, 404)
    assert set(answer.headers) <= {
        *("date", "content-type", "content-length", "connection"),
        *("x-acs-request-id", "x-acs-trace-id"),
    }
    if answer.headers["content-type"].startswith("text/xml"):
        assert ElementTree.fromstring(answer.body).find("Code") is not None
    else:
        assert answer.code


@pytest.mark.parametrize("method", ["HEAD", "TRACE", "CONNECT", "PATCH", "PRI"])
def test_no_other_method_is_served(it: Cloud, method: str) -> None:
    target = "here:1" if method == "CONNECT" else f"/?{signed('DescribeRegions', method=method)}"
    told = _raw(it, f"{method} {target} HTTP/1.1\r\nHost: here\r\n\r\n".encode())
    assert told.startswith((b"HTTP/1.1 403 ", b"HTTP/1.1 400 ")), told
    assert b"Regions" not in told


def test_a_header_without_end_and_a_thousand_of_them_are_refused(it: Cloud) -> None:
    for lines in (b"X-A: " + b"x" * 70 * _K + b"\r\n", b"X-A: 1\r\n" * 10_000):
        told = _raw(it, b"GET /?x=1 HTTP/1.1\r\nHost: here\r\n" + lines + b"\r\n")
        assert told.startswith(b"HTTP/1.1 431 "), told[:200]


def test_a_body_in_endless_chunks_is_cut_off(it: Cloud) -> None:
    with closing(Line(it)) as line:
        line.send(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(17):
            line.send(b"10000\r\n" + b"x" * 64 * _K + b"\r\n")
        answer = line.answer()
        assert (answer.status, answer.code) == (413, "RequestEntityTooLarge")


_OTHER = AccessKey(id="LTAI-other", secret="other-secret", account_id=KEY.account_id)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (("Action=DescribeRegions", "Action=DescribeInstances"), "SignatureDoesNotMatch"),
        (("RegionId=cn-hangzhou", "RegionId=cn-beijing"), "SignatureDoesNotMatch"),
        (("&Signature=", "&More=1&Signature="), "SignatureDoesNotMatch"),
        (("GET ", "POST "), "SignatureDoesNotMatch"),
        ((f"AccessKeyId={KEY.id}", f"AccessKeyId={_OTHER.id}"), "SignatureDoesNotMatch"),
        ((f"AccessKeyId={KEY.id}", f"AccessKeyId={INACTIVE.id}"), "InvalidAccessKeyId.Inactive"),
        ((f"AccessKeyId={KEY.id}", "AccessKeyId=LTAI-none"), "InvalidAccessKeyId.NotFound"),
        (("&Signature=", "&Signatur="), "MissingParameter"),
        (("SignatureMethod=HMAC-SHA1", "SignatureMethod=HMAC-MD5"), "InvalidSignatureMethod"),
        (("SignatureVersion=1.0", "SignatureVersion=0.9"), "InvalidSignatureVersion"),
        (("Timestamp=20", "Timestamp=19"), "InvalidTimeStamp.Expired"),
    ],
)
def test_what_was_changed_or_is_not_signed_is_refused(
    it: Cloud, line: Line, change: tuple[str, str], code: str
) -> None:
    if not it.do(lambda world: world.control.accounts.get(_OTHER.id)):
        it.do(lambda world: world.control.accounts.add(_OTHER))
    text = request(signed("DescribeRegions")).decode()
    assert change[0] in text
    answer = line.ask(text.replace(*change, 1).encode())
    assert answer.code == code
    assert "Regions" not in answer.json


def _until_throttled(line: Line, bad: bytes) -> bytes:
    told = b""
    for count in range(100, 1200, 100):
        line.send(bad * 100)
        while told.count(b"HTTP/1.1 ") < count:
            told += line.socket.recv(65_536)
            if b'"Throttling"' in told:
                return told
    raise AssertionError("nobody was told to stop")


def test_who_is_refused_too_often_is_told_little_and_others_are_served(it: Cloud) -> None:
    """From one address, since here there is one only: who signs well is not punished with them."""
    with closing(Line(it)) as line:
        bad = request("Action=DescribeRegions&Version=2014-05-26")
        told = _until_throttled(line, bad)
        assert 0 < told.count(b'"MissingParameter"') <= 1000
    with closing(Line(it)) as good, closing(Line(it)) as line:
        answer = line.ask(bad)
        assert (answer.status, answer.code) == (429, "Throttling")
        assert line.hung_up
        assert good.ask(request(signed("DescribeRegions"))).status == 200
        it.advance(seconds=11)
        it.to_the_present()
    with closing(Line(it)) as line:
        assert line.ask(bad).code == "MissingParameter"


# Those who take their time.


async def _patient(scope: Any, receive: Any, send: Any) -> None:
    """Answers when the body is whole, with so many bytes as are asked for."""
    size = int(scope["query_string"] or b"2")
    while (message := await receive()).get("more_body"):
        pass
    if message["type"] == "http.disconnect":
        return
    headers = [(b"content-length", str(size).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"x" * size})


@asynccontextmanager
async def _serving(lines: Connections, time_limit: float = 60.0) -> AsyncIterator[int]:
    config = web_config(_patient, None, lines=lines, time_limit=time_limit)
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        await server.startup(sockets=[listener])
        await server.on_tick(0)
        try:
            yield int(listener.getsockname()[1])
        finally:
            server.force_exit = True
            await server.shutdown(sockets=[listener])


async def _open(port: int, data: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    await writer.drain()
    return reader, writer


async def _all(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(20):
        try:
            return await reader.read()
        except ConnectionError:
            return b""


@pytest.mark.parametrize(
    ("begun", "told"),
    [
        (b"", b""),
        (b"GET /", b"408"),
        (b"GET / HTTP/1.1\r\nHost: h\r\nX-A", b"408"),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9999\r\n\r\nhalf", b"408"),
        (b"GET / HTTP/1.1\r\nHost: h\r\n\r\nGET /", b"200"),
    ],
)
async def test_nobody_is_waited_for_without_end(begun: bytes, told: bytes) -> None:
    """Though something more comes all the time."""
    lines = Connections()
    async with _serving(lines, time_limit=0.3) as port:
        reader, writer = await _open(port, begun)
        answer = asyncio.create_task(_all(reader))
        began = time.monotonic()
        while not answer.done() and time.monotonic() - began < 10:
            if begun[-1:] in (b"A", b"f"):
                writer.write(b"a")
            await asyncio.wait([answer], timeout=0.05)
        assert (await answer)[9:12] == told
        assert len(lines) == 0
        writer.close()


async def test_who_takes_no_answer_is_not_waited_for() -> None:
    lines = Connections()
    async with _serving(lines, time_limit=0.3) as port:
        with socket.create_connection(("127.0.0.1", port)) as one:
            one.sendall(b"GET /?50000000 HTTP/1.1\r\nHost: h\r\n\r\n")
            async with asyncio.timeout(20):
                while len(lines) == 0:
                    await asyncio.sleep(0)
                while len(lines):
                    await asyncio.sleep(0)


async def test_where_one_is_too_many_the_one_that_has_waited_longest_goes() -> None:
    lines = Connections(most=3)
    async with _serving(lines) as port:
        slow = [await _open(port, b"GET /") for _ in range(3)]
        for _ in range(5):  # each takes the place of somebody slow, and is answered
            reader, writer = await _open(port, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            async with asyncio.timeout(20):
                assert await reader.readexactly(12) == b"HTTP/1.1 200"
            writer.close()
        assert await _all(slow[0][0]) == b""
        assert len(lines) <= 3
        for _, writer in slow:
            writer.close()


async def test_of_requests_that_are_not_whole_so_much_is_held_and_no_more() -> None:
    lines = Connections(most_bytes=300 * _K)
    head = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n"
    async with _serving(lines) as port:
        slow = [await _open(port, head + b"x" * 100 * _K) for _ in range(4)]
        assert await _all(slow[0][0]) == b""
        reader, writer = await _open(port, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        async with asyncio.timeout(20):
            assert await reader.readexactly(12) == b"HTTP/1.1 200"
        for _, one in (*slow, (reader, writer)):
            one.close()
