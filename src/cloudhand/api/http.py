"""The cloud-compatible face over HTTP: the one module here that knows the web server."""

from __future__ import annotations

import asyncio
import os
import string
from collections.abc import Awaitable, Callable, MutableMapping
from functools import partial
from typing import Any
from urllib.parse import quote_from_bytes

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from cloudhand.api import gateway_errors as wrong
from cloudhand.api import render
from cloudhand.api.answer import Gate, answer
from cloudhand.api.connections import Connections
from cloudhand.api.products import BY_VERSION
from cloudhand.api.refusal import Refused, WireError
from cloudhand.api.request import RawAnswer, RawRequest
from cloudhand.control.tenancy import Tenancy
from cloudhand.core import ids
from cloudhand.core.ids import RandomBytes

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LINE_LIMIT = 256 * 1024  # bytes of method, target and version
HEADERS_LIMIT = 64 * 1024  # bytes of all headers
BODY_LIMIT = 1024 * 1024
# The server's URL splitter cannot do with more than 65,535 bytes.
_ORDINARY = 60_000
# Until here a head that is too large is read to its end, so that its sender hears the answer.
_HEAD_LIMIT = 2 * 1024 * 1024
# Seconds from the opening of a connection, or the first byte of a request, to its last one; and
# for which somebody may take nothing of an answer.
TIME_LIMIT = 120.0


class _Gone(Exception):
    """Whoever asked has gone before the end of the request."""


def app(tenancy: Tenancy) -> App:
    """An ASGI application for every path that nobody else has taken."""
    random = tenancy.first.random
    gate = Gate(since=tenancy.first.clock.now())
    tenancy.first.pokes.on_clock_set(gate.clock_set)

    async def cloud(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close"})  # before it is accepted: refuse it
            return
        try:
            body = await _body(receive)
        except _Gone:
            return
        if body is None:
            await _send(send, _refusal(wrong.BODY_TOO_LARGE, random), close=True)
            return
        raw = RawRequest(
            method=scope["method"],
            query=scope["query_string"],
            headers=_headers(scope["headers"]),
            body=body,
            source_ip=scope["client"][0] if scope.get("client") else "",
            secure=scope["scheme"] == "https",
        )
        await _send(send, await answer(raw, BY_VERSION, tenancy, gate))

    return cloud


async def _body(receive: Receive) -> bytes | None:
    """The whole body; None when it is too large. _Gone: half of a request is none."""
    parts = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        part = message.get("body", b"")
        size += len(part)
        if size > BODY_LIMIT:
            return None
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


def _headers(raw: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """By lower-case name; of a header that comes again the values are sorted and joined."""
    headers: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("latin-1"), value.decode("utf-8", "replace")
        headers[key] = ",".join(sorted([headers[key], text])) if key in headers else text
    return headers


async def _send(send: Send, result: RawAnswer, *, close: bool = False) -> None:
    close = close or result.close
    headers = [
        (b"content-type", result.content_type.encode()),
        (b"content-length", str(len(result.body)).encode()),
        (b"x-acs-request-id", result.request_id.encode()),
        (b"x-acs-trace-id", result.request_id.replace("-", "").lower().encode()),
    ]
    if result.retry_after:
        # Of too many requests alone: with it the newer SDKs take any error for that.
        headers.append((b"x-acs-retry-after", str(result.retry_after).encode()))
    if close:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": result.status, "headers": headers})
    await send({"type": "http.response.body", "body": result.body})


def _refusal(error: WireError, random: RandomBytes) -> RawAnswer:
    """An answer to what never became a request, in JSON, which every client reads."""
    request_id = ids.request_id(random)
    form = render.Format.JSON
    body = render.error(Refused(error), product="Ecs", request_id=request_id, host="", form=form)
    return RawAnswer(
        status=error.status,
        content_type=render.CONTENT_TYPES[form],
        request_id=request_id,
        body=body,
    )


def _refusing(error: WireError) -> App:
    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        await _send(send, _refusal(error, os.urandom), close=True)

    return refuse


def _escaped(data: bytes) -> bytes:
    """What a request begins with, so that the parser takes it.

    Compat: published agents put what is wrong with a file into their query as it is.
    """
    if not data.startswith(b"POST /luban/"):
        return data
    line, end, rest = data.partition(b"\r\n")
    if line.isascii() and line.count(b" ") == 2:
        return data
    method, _, remaining = line.partition(b" ")
    target, _, version = remaining.rpartition(b" ")
    escaped = quote_from_bytes(target, safe=string.punctuation).encode()
    return b" ".join((method, escaped, version)) + end + rest


class LongLineProtocol(HttpToolsProtocol):
    """The server's HTTP protocol, with request lines to 256 KiB and headers to 64 KiB.

    The parser takes a line of any length, but the splitter of its URL does not: for a long head
    the query is cut off before and put back after. What is over a limit is answered in its turn
    among pipelined requests, as the error that clients can read.

    Nobody is waited for without end: neither for a request, nor for who takes no answer.
    """

    _chunk = 0  # bytes that came last
    _head = 0  # at least the bytes of the head, as far as it is read
    _in_head = True
    _whole = False  # the request that came last
    _until: asyncio.TimerHandle | None = None  # by when the next one must be whole
    _taken_until: asyncio.TimerHandle | None = None  # by when an answer must be taken

    def __init__(
        self, *args: Any, lines: Connections, time_limit: float = TIME_LIMIT, **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self._lines = lines
        self._time_limit = time_limit

    @property
    def busy(self) -> bool:
        """api.connections.Line"""
        return self._whole and self.cycle is not None and not self.cycle.response_complete

    def hang_up(self) -> None:
        """api.connections.Line"""
        self.transport.abort()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._until = self.loop.call_later(self._time_limit, self._too_slow)
        self._lines.waits(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self) -> None:
        self._whole = True
        self._leave()
        super().handle_websocket_upgrade()

    def _leave(self) -> None:
        self._lines.ended(self)
        self._stop_waiting()
        self._taken()

    def _stop_waiting(self) -> None:
        if self._until is not None:
            self._until.cancel()
            self._until = None

    def _too_slow(self) -> None:
        cycle = self.cycle
        # What is answered, or being so, can be told nothing else.
        answered = cycle is not None and (cycle.response_started or not cycle.more_body)
        if self.transport.is_closing() or answered or self._head == 0:
            self.transport.abort()
        else:
            self._refuse(wrong.TOO_SLOW)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._to_be_taken()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._taken()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._to_be_taken()

    def _to_be_taken(self) -> None:
        """Else a connection that is closed stays as long as its other end takes nothing."""
        if self._taken_until is None and self.transport.get_write_buffer_size():
            self._taken_until = self.loop.call_later(self._time_limit, self.transport.abort)

    def _taken(self) -> None:
        if self._taken_until is not None:
            self._taken_until.cancel()
            self._taken_until = None

    def data_received(self, data: bytes) -> None:
        if self.cycle is None and self._head == 0:
            data = _escaped(data)
        self._chunk = len(data)
        self._head += self._chunk
        if self._in_head and self._head > _HEAD_LIMIT:
            self._refuse(wrong.LINE_TOO_LONG)
            return
        super().data_received(data)
        if self._whole:
            self._stop_waiting()
        else:
            self._lines.holds(self, self._chunk)
            if self._until is None and not self.transport.is_closing():
                self._until = self.loop.call_later(self._time_limit, self._too_slow)

    def on_message_begin(self) -> None:
        self._in_head = True
        self._whole = False
        self._head = self._chunk
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        if self._head <= _ORDINARY or self._should_upgrade():
            super().on_headers_complete()
        else:
            self._long_headers_complete()

    def on_message_complete(self) -> None:
        self._whole = True
        self._lines.waits(self)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self._to_be_taken()
        # Thousands of agents keep a connection that they use once a minute: nothing of the last
        # request stays with it, unless the rest of its body, or the next one, is on its way.
        if self._in_head or not self.cycle.response_complete or self.cycle.more_body:
            return
        self.cycle = None  # type: ignore[assignment]  # as before the first request
        self.scope = None  # type: ignore[assignment]
        self.headers = []
        self._head = 0

    def _long_headers_complete(self) -> None:
        app, error = self.app, self._over_limit()
        path, _, query = self.url.partition(b"?")
        self.url = path
        if error is not None:
            self.app = _refusing(error)
            self.url = b"/"
        try:
            super().on_headers_complete()
        finally:
            self.app = app
        self.scope["query_string"] = query.partition(b"#")[0]

    def _over_limit(self) -> WireError | None:
        ends = len(self.parser.get_method()) + len("  HTTP/1.1\r\n")
        path = self.url.partition(b"?")[0]
        if len(self.url) + ends > LINE_LIMIT or len(path) > _ORDINARY:
            return wrong.LINE_TOO_LONG
        size = sum(len(name) + len(value) + len(": \r\n") for name, value in self.headers)
        return wrong.HEADERS_TOO_LARGE if size > HEADERS_LIMIT else None

    def send_400_response(self, msg: str) -> None:
        self._refuse(wrong.MALFORMED_REQUEST)

    def _refuse(self, error: WireError) -> None:
        """Answer outside any request, and hang up."""
        result = _refusal(error, os.urandom)
        head = (
            f"HTTP/1.1 {result.status} {error.code}\r\ncontent-type: {result.content_type}\r\n"
            f"content-length: {len(result.body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + result.body)
        self.transport.close()
        self._to_be_taken()


def protocol(lines: Connections, *, time_limit: float = TIME_LIMIT) -> Any:
    """What the server makes for each connection; it takes this for the class itself."""
    return partial(LongLineProtocol, lines=lines, time_limit=time_limit)
