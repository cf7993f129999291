"""The kick channel: a WebSocket on which the gateway says "look".

The frames are wsproto's; the handshake is ours. While the channel is down, work is found by
asking for it every few seconds.
"""

from __future__ import annotations

import select
import socket
import threading
import time
from typing import Callable, List, Optional

from wsproto.frame_protocol import Frame, FrameProtocol, Opcode

from cloudhand.agent import log
from cloudhand.agent.backoff import Backoff, jittered
from cloudhand.agent.client import Client
from cloudhand.wire import agent as wire

_PING_EVERY = 60.0  # seconds
_DEAD_AFTER = 150.0  # seconds without a word, not even a pong
_RETRY_FIRST, _RETRY_LAST = 0.2, 30.0  # seconds between attempts
_POLL_EVERY = 5.0  # seconds between looks for work while the channel is down
_LONGEST_KICK = 64 * 1024  # bytes

Fetch = Callable[[wire.Fetch], None]


class Channel:
    """Runs in a thread of its own; ``fetch`` is called from it, and raises what a client does."""

    def __init__(self, client: Client, fetch: Fetch, closing: threading.Event) -> None:
        self._client = client
        self._fetch = fetch
        self._closing = closing
        self._socket: Optional[socket.socket] = None

    def run(self) -> None:
        """Keep the channel open until the agent ends."""
        backoff = Backoff(_RETRY_FIRST, _RETRY_LAST)
        look_at = time.monotonic() + jittered(_POLL_EVERY)
        while not self._closing.is_set():
            opened_at = time.monotonic()
            try:
                self._serve()
            except Exception as error:  # an outermost loop: whatever it was, kicks must go on
                log.info(f"channel: {error}")
            if time.monotonic() - opened_at > _PING_EVERY:
                backoff.reset()
            again_at = time.monotonic() + backoff.pause()
            while time.monotonic() < again_at and not self._closing.is_set():
                self._closing.wait(max(min(again_at, look_at) - time.monotonic(), 0))
                if time.monotonic() >= look_at:
                    self._look()
                    look_at = time.monotonic() + jittered(_POLL_EVERY)

    def close(self) -> None:
        connection = self._socket
        if connection is not None:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it is closed already

    def _look(self) -> None:
        """Ask for work without having been kicked."""
        try:
            self._fetch(wire.Fetch(reason="kickoff"))
        except (wire.Unavailable, wire.Rejected) as error:
            log.info(f"channel: down, and {error}")

    def _serve(self) -> None:
        connection, rest = self._client.upgrade()
        self._socket = connection
        log.info("channel: open")
        try:
            # What was asked for while there was no channel.
            self._fetch(wire.Fetch(reason="kickoff"))
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
            if len(message) > _LONGEST_KICK:
                raise ValueError("a kick is too long")
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
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(max(at_most, 0) * 1000))
