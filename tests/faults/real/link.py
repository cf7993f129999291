"""A way between an agent and its control plane that can be spoilt: cut, silent, slow, and worse.

It knows as much of HTTP and of WebSocket frames as it takes to spoil one message and no other.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import closing, suppress
from dataclasses import dataclass

from cloudhand.wire.agent import EXTENSIONS_HEADER, INSTANCE_HEADER
from cloudhand.wire.enclosed import Request

THROUGH = "through"  # nothing is spoilt
CUT = "cut"  # connections are reset, and new ones as well
HALF_OPEN = "half-open"  # they stay, and nothing goes through; what began so stays so for ever
REFUSING = "5xx"  # each request is answered 503
SLOW = "slow"  # a byte a second
DUPLICATE = "duplicate"  # each message goes twice
REORDER = "reorder"  # one message of the agent goes after the next one
LATE = "late"  # one message of the agent arrives once the agent has given up on it

_TEXT, _BINARY = 1, 2
_SWAPPED_WITHIN = 0.7  # seconds that a message waits for another one to overtake it
_GIVEN_UP = 11.0  # seconds; an agent waits 10 for an answer
_BYTE_EVERY = 1.0  # seconds
_BUFFER = 1024 * 1024
_SAID_ONCE = ("host:", "user-agent:", f"{INSTANCE_HEADER}:", f"{EXTENSIONS_HEADER}:")
_NO_LINGER = struct.pack("ii", 1, 0)
_REFUSAL = (
    b"HTTP/1.1 503 x\r\nContent-Type: text/html\r\nContent-Length: 4\r\n"
    b"Connection: close\r\n\r\nbusy"
)

Write = Callable[[bytes], Awaitable[None]]


class Ways:
    """The loop, in a thread of its own, in which all links of a process live."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="links", daemon=True)
        self._thread.start()

    def link(self, upstream: Callable[[], int], *, late: float = _GIVEN_UP) -> Link:
        """A new one to whatever port ``upstream`` names when somebody connects.

        ``late``: seconds after which arrives what arrives late.
        """
        made = Link(self.loop, upstream, late)
        asyncio.run_coroutine_threadsafe(made.open(), self.loop).result(10)
        return made

    def close(self) -> None:
        async def end() -> None:
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()


@dataclass(frozen=True, kw_only=True)
class _Held:
    raw: bytes
    send: Write


class Link:
    """Its methods are for any thread but that of the loop."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, upstream: Callable[[], int], late: float
    ) -> None:
        self.upstream = upstream
        self._late = late
        self.mode = THROUGH
        self.done: Counter[str] = Counter()  # what was spoilt, by mode
        self.port = 0
        self.fresh_at = 0.0  # monotonic: when a channel was last opened through it
        self.channels = 0  # open now, and not dead
        self.held: _Held | None = None
        self.ways: set[_Way] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self._loop = loop
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=_BUFFER)
        self.port = self._server.sockets[0].getsockname()[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def spoil(self, mode: str) -> None:
        """From now on, also what is open already."""
        self._do(lambda: self._spoil(mode))

    def heal(self) -> None:
        """Let new connections pass; what was spoilt stays dead, or is reset if it was slow."""
        self._do(self._heal)

    def drop(self) -> None:
        """Reset what nothing goes through any more, so that its ends come to know."""
        self._do(self._drop)

    def close(self) -> None:
        def end() -> None:
            assert self._server is not None
            self._server.close()
            for way in list(self.ways):
                way.reset()

        self._do(end)

    def _do(self, work: Callable[[], object]) -> None:
        done = threading.Event()

        def call() -> None:
            try:
                work()
            finally:
                done.set()

        self._loop.call_soon_threadsafe(call)
        assert done.wait(10), "the links' loop stands still"

    def _spoil(self, mode: str) -> None:
        self.mode = mode
        self.held = None
        for way in list(self.ways):
            if mode in (CUT, REFUSING):
                self.done[mode] += 1
                way.reset()
            elif mode == HALF_OPEN:
                way.die()
            elif mode == SLOW:
                way.slow = True

    def _heal(self) -> None:
        self.mode = THROUGH
        for way in list(self.ways):
            if way.slow:
                way.reset()

    def _drop(self) -> None:
        for way in list(self.ways):
            if way.dead:
                way.reset()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        way = _Way(self, reader, writer)
        self.ways.add(way)
        try:
            await way.carry()
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # one of its ends has gone
        finally:
            way.end()

    def later(self, work: Awaitable[None]) -> None:
        async def careful() -> None:
            with suppress(OSError, asyncio.IncompleteReadError):
                await work

        task = self._loop.create_task(careful())
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def pass_on(self, raw: bytes, send: Write, *, late: Write) -> None:
        """A message of the agent. ``late``: how it is sent when its way is long gone."""
        if self.mode == DUPLICATE:
            self.done[DUPLICATE] += 1
            await send(raw)
            await send(raw)
        elif self.mode == REORDER and self.held is None and not self.done[REORDER]:
            self.held = _Held(raw=raw, send=send)
            self.later(self._release(_SWAPPED_WITHIN))
        elif self.mode == LATE and not self.done[LATE]:
            self.done[LATE] += 1
            self.later(_after(self._late, late, raw))
        else:
            await send(raw)
            await self._release(0)

    async def _release(self, after: float) -> None:
        await _pause(after)
        held, self.held = self.held, None
        if held is not None:
            self.done[REORDER] += 1
            await held.send(held.raw)

    async def say_apart(self, request: bytes) -> None:
        """A request over a connection of its own; nobody reads the answer."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.upstream())
        with closing(writer), suppress(TimeoutError):
            writer.write(request)
            await asyncio.wait_for(reader.read(4096), 5)


async def _pause(seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(asyncio.Event().wait(), seconds)


async def _after(seconds: float, send: Write, raw: bytes) -> None:
    await _pause(seconds)
    await send(raw)


class _Way:
    """One connection of the agent, and ours to the control plane in its stead."""

    def __init__(
        self, link: Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._link = link
        self._agent = (reader, writer)
        self._plane: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self.dead = False
        self.slow = link.mode == SLOW
        self._channel = False
        self._opening = b""
        self._ended = asyncio.Event()
        if link.mode == HALF_OPEN:
            self.die()

    def die(self) -> None:
        self._link.done[HALF_OPEN] += 1
        self.dead = True
        self._gone()

    def end(self) -> None:
        """Once what was written has gone out."""
        self._link.ways.discard(self)
        self._gone()
        self._ended.set()
        for _, writer in filter(None, (self._agent, self._plane)):
            writer.close()

    def reset(self) -> None:
        self._link.ways.discard(self)
        self._gone()
        self._ended.set()
        for _, writer in filter(None, (self._agent, self._plane)):
            connection = writer.get_extra_info("socket")
            if connection is not None and not writer.transport.is_closing():
                with suppress(OSError):
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            writer.transport.abort()

    def _gone(self) -> None:
        self._link.channels -= self._channel
        self._channel = False

    async def carry(self) -> None:
        reader, _ = self._agent
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.readexactly(_length(head))
            if self._link.mode == CUT:
                self._link.done[CUT] += 1
                return
            if self._link.mode == REFUSING and not self.dead:
                self._link.done[REFUSING] += 1
                await self._to_agent(_REFUSAL)
                return
            await self._unless_dead()
            await self._connect(channel=b"\r\nUpgrade: websocket" in head)
            if b"\r\nUpgrade: websocket" in head:
                self._opening = head
                await self._to_plane(head)
                await self._frames_of_agent()
            else:
                await self._request(head + body)

    async def _connect(self, *, channel: bool) -> None:
        if self._plane is None:
            self._plane = await asyncio.open_connection(
                "127.0.0.1", self._link.upstream(), limit=_BUFFER
            )
            self._link.later(self._back(channel))

    async def _request(self, request: bytes) -> None:
        if self._link.mode == DUPLICATE:
            self._link.done[DUPLICATE] += 1
            self._link.later(self._link.say_apart(request))
            await self._to_plane(request)
            return
        await self._link.pass_on(request, self._to_plane, late=self._link.say_apart)

    async def _frames_of_agent(self) -> None:
        reader, _ = self._agent
        while True:
            opcode, raw, payload = await _frame(reader)
            if opcode != _BINARY:
                await self._to_plane(raw)
                continue

            async def alone(_: bytes, payload: bytes = payload) -> None:
                await self._link.say_apart(self._unwrapped(payload))

            await self._link.pass_on(raw, self._to_plane, late=alone)

    def _unwrapped(self, message: bytes) -> bytes:
        """A request of the channel as it would go by itself."""
        request = Request.from_bytes(message)
        said = [
            line
            for line in self._opening.decode("latin-1").split("\r\n")[1:]
            if line.lower().startswith(_SAID_ONCE)
        ]
        lines = [
            f"{request.method} {request.target} HTTP/1.1",
            *said,
            *(f"{name}: {value}" for name, value in request.headers.items()),
            f"Content-Length: {len(request.body)}",
        ]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + request.body

    async def _back(self, channel: bool) -> None:
        """What the control plane says, to the agent."""
        assert self._plane is not None
        reader, _ = self._plane
        try:
            if channel:
                head = await reader.readuntil(b"\r\n\r\n")
                await self._to_agent(head)
                if b" 101 " in head.partition(b"\r\n")[0] and not self.dead:
                    self._channel = True
                    self._link.channels += 1
                    self._link.fresh_at = time.monotonic()
                    while True:
                        opcode, raw, _ = await _frame(reader)
                        twice = self._link.mode == DUPLICATE and opcode in (_TEXT, _BINARY)
                        await self._to_agent(raw * (1 + twice))
            while data := await reader.read(65536):
                await self._to_agent(data)
        finally:
            # A line that is dead does not tell of its other end's death either.
            if not self.dead:
                self.end()

    async def _to_plane(self, data: bytes) -> None:
        assert self._plane is not None
        await self._send(self._plane[1], data)

    async def _to_agent(self, data: bytes) -> None:
        await self._send(self._agent[1], data)

    async def _send(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        await self._unless_dead()
        for at in range(len(data) if self.slow else 0):
            self._link.done[SLOW] += 1
            writer.write(data[at : at + 1])
            await writer.drain()
            await _pause(_BYTE_EVERY)
        if not self.slow:
            writer.write(data)
            await writer.drain()

    async def _unless_dead(self) -> None:
        if self.dead:
            await self._ended.wait()
            raise ConnectionResetError


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


async def _frame(reader: asyncio.StreamReader) -> tuple[int, bytes, bytes]:
    """One WebSocket frame: its opcode, its bytes, and what it says (RFC 6455)."""
    raw = await reader.readexactly(2)
    length, masked = raw[1] & 0x7F, raw[1] >> 7
    if length > 125:
        raw += await reader.readexactly(2 if length == 126 else 8)
        length = int.from_bytes(raw[2:], "big")
    mask = await reader.readexactly(4) if masked else b""
    payload = await reader.readexactly(length)
    raw += mask + payload
    if masked:
        stretched = (mask * (length // 4 + 1))[:length]
        payload = bytes(one ^ other for one, other in zip(payload, stretched, strict=True))
    return raw[0] & 0x0F, raw, payload
