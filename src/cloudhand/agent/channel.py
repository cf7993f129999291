"""The kick channel: a WebSocket on which the gateway says "look".

The frames are wsproto's; the handshake is ours. While the channel is down, work is found by
asking for it every few seconds.
"""

from __future__ import annotations

import base64
import logging
import os
import random
import select
import socket
import threading
import time
from typing import Callable, List, Optional

from wsproto.frame_protocol import Frame, FrameProtocol, Opcode

from cloudhand.agent.client import Client
from cloudhand.wire import agent as wire

log = logging.getLogger(__name__)

_PING_EVERY = 60.0  # seconds
_DEAD_AFTER = 150.0  # seconds without a word, not even a pong
_RETRY_FIRST, _RETRY_LAST = 0.2, 30.0  # seconds between attempts
_POLL_EVERY = 5.0  # seconds between looks for work while the channel is down

Fetch = Callable[[wire.Fetch], None]


class Channel:
    """Runs in a thread of its own; ``fetch`` is called from it."""

    def __init__(self, client: Client, fetch: Fetch, closing: threading.Event) -> None:
        self._client = client
        self._fetch = fetch
        self._closing = closing
        self._socket: Optional[socket.socket] = None

    def run(self) -> None:
        """Keep the channel open until the agent ends."""
        wait = _RETRY_FIRST
        looked_at = time.monotonic()
        while not self._closing.is_set():
            opened_at = time.monotonic()
            try:
                self._serve()
            except (wire.Unavailable, wire.Rejected, OSError, ValueError) as error:
                log.info("channel: %s", error)
            if time.monotonic() - opened_at > _PING_EVERY:
                wait = _RETRY_FIRST
            if time.monotonic() - looked_at >= _POLL_EVERY:
                self._fetch(wire.Fetch(reason="kickoff"))
                looked_at = time.monotonic()
            self._closing.wait(min(random.uniform(wait / 2, wait), _POLL_EVERY))
            wait = min(wait * 2, _RETRY_LAST)

    def close(self) -> None:
        if self._socket is not None:
            try:
                self._socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it is closed already

    def _serve(self) -> None:
        connection, rest = self._client.upgrade(base64.b64encode(os.urandom(16)).decode())
        self._socket = connection
        log.info("channel: open")
        # What was asked for while there was no channel.
        self._fetch(wire.Fetch(reason="kickoff"))
        try:
            self._listen(connection, rest)
        finally:
            self._socket = None
            connection.close()

    def _listen(self, connection: socket.socket, rest: bytes) -> None:
        frames = FrameProtocol(client=True, extensions=[])
        frames.receive_bytes(rest)
        connection.sendall(frames.ping(b"keepalive"))
        ping_at = time.monotonic() + _PING_EVERY
        heard_at = time.monotonic()
        message = bytearray()
        while not self._closing.is_set():
            for frame in frames.received_frames():
                self._framed(connection, frames, frame, message)
            now = time.monotonic()
            if now - heard_at > _DEAD_AFTER:
                raise ConnectionResetError("the server has gone silent")
            if now >= ping_at:
                connection.sendall(frames.ping(b"keepalive"))
                ping_at = now + _PING_EVERY
            if _readable(connection, ping_at - now):
                data = connection.recv(4096)
                if not data:
                    raise ConnectionResetError("the server closed the connection")
                frames.receive_bytes(data)
                heard_at = time.monotonic()

    def _framed(
        self, connection: socket.socket, frames: FrameProtocol, frame: Frame, message: bytearray
    ) -> None:
        """Answer one frame; ``message`` holds what has come of a message in several frames."""
        payload = frame.payload
        if frame.opcode is Opcode.CLOSE or isinstance(payload, tuple):
            raise ConnectionResetError("the server closed the channel")
        if frame.opcode is Opcode.PING:
            data = payload.encode() if isinstance(payload, str) else bytes(payload)
            connection.sendall(frames.pong(data))
        elif frame.opcode is not Opcode.PONG:
            message += payload.encode() if isinstance(payload, str) else payload
            if frame.message_finished:
                reply = self._kicked(message.decode("utf-8", "replace"))
                message.clear()
                connection.sendall(frames.send_data(reply))

    def _kicked(self, message: str) -> str:
        """Do what a kick asks for; the answer to it."""
        fetch = _fetch_for(message.split(" "))
        if fetch is None and message != "kick_vm noop":
            return f"unknow:{message}"  # sic: so the published agent spells it
        if fetch is not None:
            self._fetch(fetch)
        return f"accept:{message}"


def _fetch_for(words: "List[str]") -> Optional[wire.Fetch]:
    if words == ["kick_vm"]:
        return wire.Fetch(reason="kickoff")
    if len(words) == 4 and words[:2] == ["kick_vm", "task"] and words[2] in ("run", "stop"):
        return wire.Fetch(reason="kickoff", task_id=words[3])
    return None


def _readable(connection: socket.socket, at_most: float) -> bool:
    pending = getattr(connection, "pending", None)  # what TLS has read but not given out
    if pending is not None and pending():
        return True
    return bool(select.select([connection], [], [], max(at_most, 0))[0])
