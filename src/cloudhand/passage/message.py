"""HTTP/1 messages as a proxy sees them: a head to read, and a body to hand on untouched.

Bytes go on as they came, apart from what the proxy itself was told: the rest may be signed.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import assert_never

# The control plane refuses larger lines and headers itself, and says so better than we could.
HEAD_LIMIT = 2 * 1024 * 1024
_PIECE = 64 * 1024
_END = b"\r\n\r\n"
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_DIGITS = re.compile(rb"[0-9]{1,18}")
_HEX = re.compile(rb"[0-9A-Fa-f]{1,15}")


class BadMessage(ValueError):
    """What came is no message that can be handed on safely."""


@dataclass(frozen=True, kw_only=True)
class Head:
    """The lines before a body, without their ends."""

    start: bytes
    fields: tuple[bytes, ...]

    def values(self, name: bytes) -> list[bytes]:
        pairs = (field.split(b":", 1) for field in self.fields)
        return [value.strip(b" \t") for key, value in pairs if key.lower() == name]

    def tokens(self, name: bytes) -> frozenset[bytes]:
        parts = b",".join(self.values(name)).lower().split(b",")
        return frozenset(part.strip(b" \t") for part in parts)

    def without(self, *names: bytes) -> Head:
        kept = (field for field in self.fields if field.split(b":", 1)[0].lower() not in names)
        return replace(self, fields=tuple(kept))

    def adding(self, name: bytes, value: bytes) -> Head:
        return replace(self, fields=(*self.fields, name + b": " + value))

    def raw(self) -> bytes:
        return b"\r\n".join((self.start, *self.fields)) + _END

    @property
    def persistent(self) -> bool:
        """Whether the sender means to keep its connection."""
        wishes = self.tokens(b"connection")
        parts = self.start.split(b" ")
        if b"HTTP/1.0" in (parts[0], parts[-1]):
            return b"keep-alive" in wishes
        return b"close" not in wishes


@dataclass(frozen=True, kw_only=True)
class Length:
    size: int


class Chunked:
    """The body says itself where it ends."""


class UntilClose:
    """The body ends with the connection."""


Framing = Length | Chunked | UntilClose
NO_BODY = Length(size=0)


async def read_head(reader: asyncio.StreamReader) -> Head | None:
    """The next head; None when the sender has ended before it."""
    try:
        raw = await reader.readuntil(_END)
    except asyncio.IncompleteReadError as error:
        if error.partial.strip(b"\r\n"):
            raise BadMessage("the message ends within its head") from error
        return None
    # Some clients send an empty line after a body.
    start, *fields = raw.lstrip(b"\r\n").removesuffix(_END).split(b"\r\n")
    for field in fields:
        if not _TOKEN.fullmatch(field.partition(b":")[0]) or b":" not in field or b"\n" in field:
            raise BadMessage("a header line is malformed")
    return Head(start=start, fields=tuple(fields))


def request_framing(head: Head) -> Framing:
    return _declared(head) or NO_BODY


def answer_framing(head: Head, *, status: int, method: bytes) -> Framing:
    if method == b"HEAD" or status < 200 or status in (204, 304):
        return NO_BODY
    return _declared(head) or UntilClose()


def status_of(head: Head) -> int:
    parts = head.start.split(b" ", 2)
    if len(parts) < 2 or not parts[0].startswith(b"HTTP/1.") or not _DIGITS.fullmatch(parts[1]):
        raise BadMessage("the answer is not HTTP/1")
    return int(parts[1])


def _declared(head: Head) -> Framing | None:
    lengths = set(head.values(b"content-length"))
    codings = head.tokens(b"transfer-encoding") - {b""}
    if codings and lengths:
        raise BadMessage("the message declares two lengths")
    if codings:
        if codings != {b"chunked"}:
            raise BadMessage("the message has an unknown transfer coding")
        return Chunked()
    if not lengths:
        return None
    size = lengths.pop()
    if lengths or not _DIGITS.fullmatch(size):
        raise BadMessage("the message has no valid length")
    return Length(size=int(size))


async def body(reader: asyncio.StreamReader, framing: Framing) -> AsyncIterator[bytes]:
    """The pieces of a body as they come, with all that frames them."""
    match framing:
        case Length(size=size):
            pieces = _exactly(reader, size)
        case Chunked():
            pieces = _chunks(reader)
        case UntilClose():
            pieces = until_end(reader)
        case never:
            assert_never(never)
    async for piece in pieces:
        yield piece


async def until_end(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while piece := await reader.read(_PIECE):
        yield piece


async def _exactly(reader: asyncio.StreamReader, size: int) -> AsyncIterator[bytes]:
    while size > 0:
        piece = await reader.read(min(size, _PIECE))
        if not piece:
            raise BadMessage("the message ends within its body")
        size -= len(piece)
        yield piece


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while True:
        line = await _line(reader)
        yield line
        digits = line.partition(b";")[0].strip()
        if not _HEX.fullmatch(digits):
            raise BadMessage("a chunk has no valid size")
        size = int(digits, 16)
        if size == 0:
            break
        async for piece in _exactly(reader, size + len(b"\r\n")):
            yield piece
    while (line := await _line(reader)) != b"\r\n":
        yield line  # trailers
    yield line


async def _line(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n")
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        raise BadMessage("the message ends within its body") from error
