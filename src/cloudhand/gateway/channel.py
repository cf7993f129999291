"""The kick channel: for each instance its newest WebSocket, and at most one kick in flight on it.

Our agent asks over it as well, one request after the other. That it ends is the first that is
known of an agent that is gone.

A kick only says "look". What is to be done is in the rows, so a kick that cannot be sent now
may be forgotten: the loop of deliveries kicks again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any, Protocol

from cloudhand.control.pokes import Kick, Work
from cloudhand.core.ids import InstanceId
from cloudhand.store.database import StoreError

log = logging.getLogger(__name__)

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
# What an agent asks over the channel, and what it is told; ValueError when it is no request.
Answer = Callable[[bytes], Awaitable[bytes]]

_LOOK = "kick_vm"  # has an agent fetch all that there is for it, but for sessions
_BY_NAME = (Kick.OPEN, Kick.CLOSE)

_REPLACED = 4001  # close code for a socket in whose place a newer one has come
_LEAVING = 1001  # close code with which an agent says that it ends
_STOPPING = 1012  # of a socket that ends because we do
_LOST = 1006  # of one that ended in any other way
_UNEXPECTED = 1008  # close code for one on which something else came than a request
_UNKNOWN = 4002  # close code for a socket whose agent is known no more
_SEND_TIMEOUT = 10.0  # seconds; an agent that takes longer is cut off and comes back


class Presence(Protocol):
    """Who is told of agents that come and go."""

    async def came(self, instance_id: InstanceId) -> None: ...

    async def went(self, instance_id: InstanceId, *, for_good: bool) -> None: ...


class Socket:
    """One open WebSocket. Each idle agent costs one, so it has no task of its own."""

    __slots__ = ("busy", "closed", "farewell", "limit", "missed", "send")

    def __init__(self, send: Send, limit: asyncio.Timeout) -> None:
        self.send = send
        self.limit = limit  # of listening to it
        self.busy = False  # a kick is on its way
        self.missed: frozenset[str] = frozenset()  # kicks that came meanwhile
        self.closed = False
        self.farewell = 0  # the code with which it was cut

    def cut(self, farewell: int = _REPLACED) -> None:
        """End it, so that its agent opens another unless it has done so."""
        if not self.closed:
            self.closed = True
            self.farewell = farewell
            self.limit.reschedule(asyncio.get_running_loop().time())


class Channel:
    def __init__(self, presence: Presence) -> None:
        self._presence = presence
        self._sockets: dict[InstanceId, Socket] = {}
        self._tasks: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Carry kicks, for ever."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            try:
                await asyncio.Event().wait()
            finally:
                self._tasks = None

    @property
    def open_count(self) -> int:
        return len(self._sockets)

    def kick(self, instance_id: InstanceId, kick: Kick, work: Work) -> None:
        """control.pokes.Kicker"""
        socket = self._sockets.get(instance_id)
        if socket is None or self._tasks is None:
            return
        text = f"kick_vm {kick} {work}" if work else _LOOK
        if socket.busy:
            socket.missed |= {text if kick in _BY_NAME else _LOOK}
            return
        socket.busy = True
        self._tasks.create_task(self._carry(instance_id, socket, text))

    def part(self, instance_id: InstanceId) -> None:
        """control.pokes.Parter: its agent comes back and is refused, by which it knows."""
        socket = self._sockets.get(instance_id)
        if socket is not None:
            socket.cut(_UNKNOWN)

    def cut(self, instance_ids: Collection[InstanceId]) -> None:
        """control.pokes.Cutter"""
        for instance_id, socket in self._sockets.items():
            if not instance_ids or instance_id in instance_ids:
                socket.cut()

    async def _carry(self, instance_id: InstanceId, socket: Socket, text: str) -> None:
        try:
            async with asyncio.timeout(_SEND_TIMEOUT):
                await socket.send({"type": "websocket.send", "text": text})
                while socket.missed:
                    missed, socket.missed = sorted(socket.missed), frozenset()
                    for one in missed:
                        await socket.send({"type": "websocket.send", "text": one})
        except Exception:  # whatever broke this socket must not break the others
            log.info("kick not sent", extra={"instance": instance_id})
            socket.cut()
        finally:
            socket.busy = False

    async def serve(
        self, instance_id: InstanceId, receive: Receive, send: Send, answer: Answer | None = None
    ) -> None:
        """Hold a socket that was accepted until it ends or another takes its place.

        ``answer``: for who may ask over it.
        """
        said, farewell = _LOST, 0
        try:
            async with asyncio.timeout(None) as limit:
                socket = self._take_place(instance_id, Socket(send, limit))
                try:
                    # Before its loss may be told: the last word counts.
                    await self._tell(self._presence.came(instance_id))
                    said = await _listen(receive, send, answer)
                finally:
                    socket.closed = True
                    self._drop(instance_id, socket)
                    log.info("channel closed", extra={"instance": instance_id})
        except TimeoutError:  # it was cut
            farewell = socket.farewell
        except ValueError as error:
            log.info("channel closed", extra={"instance": instance_id, "failure": str(error)})
            farewell = _UNEXPECTED
        if instance_id not in self._sockets and said != _STOPPING:
            await self._tell(self._presence.went(instance_id, for_good=said == _LEAVING))
        if farewell:
            await close(send, farewell)

    async def _tell(self, telling: Awaitable[None]) -> None:
        try:
            await telling
        except StoreError as error:  # kicks must go on; the heart-beats tell as well
            log.error("store failed", extra={"error": str(error)})

    def _take_place(self, instance_id: InstanceId, socket: Socket) -> Socket:
        """Of an earlier socket, if there is one."""
        before = self._sockets.get(instance_id)
        self._sockets[instance_id] = socket
        if before is not None:
            before.cut()
        log.info("channel open", extra={"instance": instance_id})
        return socket

    def _drop(self, instance_id: InstanceId, socket: Socket) -> None:
        if self._sockets.get(instance_id) is socket:
            del self._sockets[instance_id]


async def _listen(receive: Receive, send: Send, answer: Answer | None) -> int:
    """Until the socket ends; the code with which it did. ValueError for what is no request."""
    while (message := await receive())["type"] != "websocket.disconnect":
        # A text says only that a kick was understood; the fetch counts.
        if answer is not None and message.get("bytes"):
            await _answer(message["bytes"], answer, send)
    code: int = message.get("code") or _LOST
    return code


async def _answer(request: bytes, answer: Answer, send: Send) -> None:
    """ValueError when the agent takes no answer; it asks again in another way."""
    said = await answer(request)
    try:
        async with asyncio.timeout(_SEND_TIMEOUT):
            await send({"type": "websocket.send", "bytes": said})
    except Exception as error:  # whatever broke this socket must not break the others
        raise ValueError("an answer was not taken") from error


async def close(send: Send, code: int, reason: str = "") -> None:
    try:
        async with asyncio.timeout(_SEND_TIMEOUT):
            await send({"type": "websocket.close", "code": code, "reason": reason})
    except Exception:  # it had ended already, or takes nothing: no more can be done for it
        log.info("socket not closed in order")
