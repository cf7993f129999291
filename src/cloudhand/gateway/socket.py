"""The web server's WebSocket, made small: each idle agent holds one, and there are thousands."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import MutableMapping
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

Message = MutableMapping[str, Any]


class SmallSocket(WebSocketsSansIOProtocol):
    """Keeps nothing of the handshake, and no queue while nothing is in it.

    The server's own costs 10 KiB more: headers of the handshake, and five empty deques.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.queue = Mailbox()  # type: ignore[assignment]
        self.writable = Gate()  # type: ignore[assignment]

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        event.headers.clear()

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == "websocket.accept":
            self.response.headers.clear()


class Mailbox:
    """What this protocol uses of asyncio.Queue, with one reader."""

    __slots__ = ("_messages", "_reader")

    def __init__(self) -> None:
        self._messages: deque[Message] | None = None  # only while there are some
        self._reader: asyncio.Future[None] | None = None

    def put_nowait(self, message: Message) -> None:
        if self._messages is None:
            self._messages = deque()
        self._messages.append(message)
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    async def get(self) -> Message:
        while self._messages is None:
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader
        self._reader = None
        message = self._messages.popleft()
        if not self._messages:
            self._messages = None
        return message

    def empty(self) -> bool:
        return self._messages is None


class Gate:
    """What this protocol uses of asyncio.Event."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: asyncio.Event | None = None  # only while it is shut

    def set(self) -> None:
        if self._waiting is not None:
            self._waiting.set()
            self._waiting = None

    def clear(self) -> None:
        if self._waiting is None:
            self._waiting = asyncio.Event()

    async def wait(self) -> None:
        if self._waiting is not None:
            await self._waiting.wait()
