"""Heads and bodies as they lie on the wire."""

from __future__ import annotations

import asyncio

import pytest

from cloudhand.passage import message
from cloudhand.passage.message import (
    NO_BODY,
    BadMessage,
    Chunked,
    Framing,
    Head,
    Length,
    UntilClose,
)


def reader(data: bytes) -> asyncio.StreamReader:
    stream = asyncio.StreamReader()
    stream.feed_data(data)
    stream.feed_eof()
    return stream


async def head(data: bytes) -> Head:
    found = await message.read_head(reader(data))
    assert found is not None
    return found


async def whole(data: bytes, framing: Framing) -> tuple[bytes, bytes]:
    """The body, and what is left after it."""
    stream = reader(data)
    body = b"".join([piece async for piece in message.body(stream, framing)])
    return body, await stream.read()


async def test_a_head_goes_on_as_it_came() -> None:
    raw = b"GET / HTTP/1.1\r\nhOST:  a\r\nX-Odd:\r\nAccept: */*\r\naccept: b\r\n\r\n"
    found = await head(raw)
    assert found.raw() == raw
    assert found.values(b"accept") == [b"*/*", b"b"]
    assert found.without(b"host", b"x-odd").fields == (b"Accept: */*", b"accept: b")


async def test_empty_lines_before_a_head_are_passed_over() -> None:
    assert (await head(b"\r\nGET / HTTP/1.1\r\na: b\r\n\r\n")).start == b"GET / HTTP/1.1"


@pytest.mark.parametrize("data", [b"", b"\r\n"])
async def test_an_end_before_a_head_is_an_end(data: bytes) -> None:
    assert await message.read_head(reader(data)) is None


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nHo",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n",
        b"GET / HTTP/1.1\r\nA : b\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: b\nC: d\r\n\r\n",
    ],
)
async def test_a_head_that_can_be_read_in_two_ways_is_refused(data: bytes) -> None:
    with pytest.raises(BadMessage):
        await message.read_head(reader(data))


def request(*fields: bytes) -> Head:
    return Head(start=b"POST / HTTP/1.1", fields=fields)


def test_a_request_says_how_long_its_body_is() -> None:
    assert message.request_framing(request()) == NO_BODY
    assert message.request_framing(request(b"Content-Length: 12")) == Length(size=12)
    assert isinstance(message.request_framing(request(b"Transfer-Encoding: Chunked")), Chunked)


@pytest.mark.parametrize(
    "fields",
    [
        (b"Content-Length: 1", b"Transfer-Encoding: chunked"),
        (b"Content-Length: 1", b"Content-Length: 2"),
        (b"Content-Length: +1",),
        (b"Content-Length: 1, 1",),
        (b"Transfer-Encoding: gzip, chunked",),
        (b"Transfer-Encoding: identity",),
    ],
)
def test_an_ambiguous_length_is_refused(fields: tuple[bytes, ...]) -> None:
    with pytest.raises(BadMessage):
        message.request_framing(request(*fields))


@pytest.mark.parametrize(
    "status, method, fields, expected",
    [
        (200, b"GET", (), UntilClose),
        (200, b"HEAD", (b"Content-Length: 9",), Length),
        (204, b"GET", (), Length),
        (304, b"GET", (b"Content-Length: 9",), Length),
        (100, b"POST", (), Length),
        (500, b"GET", (b"Transfer-Encoding: chunked",), Chunked),
    ],
)
def test_an_answer_ends_where_its_status_and_fields_say(
    status: int, method: bytes, fields: tuple[bytes, ...], expected: type
) -> None:
    answer = Head(start=b"HTTP/1.1 200 OK", fields=fields)
    framing = message.answer_framing(answer, status=status, method=method)
    assert isinstance(framing, expected)
    if isinstance(framing, Length):
        assert framing == NO_BODY


async def test_bodies_end_where_they_say() -> None:
    assert await whole(b"hello, next", Length(size=5)) == (b"hello", b", next")
    assert await whole(b"hello", UntilClose()) == (b"hello", b"")
    chunks = b"5;a=b\r\nhello\r\n000\r\nSum: 1\r\n\r\n"
    assert await whole(chunks + b"next", Chunked()) == (chunks, b"next")


@pytest.mark.parametrize(
    "data, framing",
    [
        (b"hell", Length(size=5)),
        (b"5\r\nhel", Chunked()),
        (b"5\r\nhello\r\n", Chunked()),
        (b"0x5\r\nhello\r\n0\r\n\r\n", Chunked()),
        (b"-1\r\n\r\n", Chunked()),
        (b"0\r\nSum: 1\r\n", Chunked()),
    ],
)
async def test_half_a_body_is_no_body(data: bytes, framing: Framing) -> None:
    with pytest.raises(BadMessage):
        await whole(data, framing)


@pytest.mark.parametrize(
    "start, fields, expected",
    [
        (b"GET / HTTP/1.1", (), True),
        (b"GET / HTTP/1.1", (b"Connection: TE, Close",), False),
        (b"GET / HTTP/1.0", (), False),
        (b"GET / HTTP/1.0", (b"Connection: Keep-Alive",), True),
        (b"HTTP/1.1 200 OK", (), True),
        (b"HTTP/1.0 200 OK", (), False),
    ],
)
def test_connections_persist_as_their_version_says(
    start: bytes, fields: tuple[bytes, ...], expected: bool
) -> None:
    assert Head(start=start, fields=fields).persistent is expected


@pytest.mark.parametrize("start", [b"220 ftp ready", b"HTTP/2 200", b"HTTP/1.1 OK", b"HTTP/1.1"])
def test_what_is_no_answer_has_no_status(start: bytes) -> None:
    with pytest.raises(BadMessage):
        message.status_of(Head(start=start, fields=()))
