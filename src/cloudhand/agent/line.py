"""An open kick channel: kicks that come over it, and requests that any thread makes over it."""

from __future__ import annotations

import select
import socket
import threading
import time
from typing import Dict, List, Optional, Tuple, Union

from wsproto.frame_protocol import Frame, FrameProtocol, Opcode

from cloudhand.wire import enclosed

_PING_EVERY = 60.0  # seconds
_DEAD_AFTER = 150.0  # seconds without a word, not even a pong
_ANSWER_WITHIN = 10.0  # seconds; a line that is slower has died, whatever TCP says
_LEAVING = 1001  # close code: we end
_REPLACED = 4001  # close code: another agent has opened a channel
_GOODBYE_WITHIN = 1.0  # seconds
_LONGEST_KICK = 64 * 1024  # bytes
_LONGEST_ANSWER = 64 * 1024 * 1024


class _Waiting:
    """Who waits for an answer; without one when the lock is released, the line has ended."""

    __slots__ = ("answer", "lock")

    def __init__(self) -> None:
        self.answer: "Optional[Tuple[int, bytes]]" = None
        self.lock = threading.Lock()
        self.lock.acquire()


class Line:
    """One thread, that which made the line, reads, also while it waits for an answer itself.

    An OSError or another exception of any call but ``ask`` ends the line.
    """

    def __init__(self, connection: socket.socket, rest: bytes) -> None:
        self.kicks: "List[str]" = []  # that came, and nobody has looked at
        self._connection = connection
        self._closed = False
        self._left = False
        self._reader = threading.get_ident()
        self._frames = FrameProtocol(client=True, extensions=[])
        self._message = bytearray()  # what has come of a message in several frames
        # A TLS connection bears one call at a time, and frames must not be mixed up.
        self._lock = threading.Lock()
        self._waiting: "Dict[str, _Waiting]" = {}
        self._heard_at = time.monotonic()
        self._ping_at = self._heard_at
        self._heard(rest)

    def ask(self, request: enclosed.Request, request_id: str) -> "Tuple[int, bytes]":
        """Status and body of the answer, for any thread; OSError when the line has ended."""
        waiting = self._waiting[request_id] = _Waiting()
        try:
            self._send(request.to_bytes())
            if threading.get_ident() == self._reader:
                until = time.monotonic() + _ANSWER_WITHIN
                while waiting.answer is None and time.monotonic() < until:
                    self.read(until)
            else:
                waiting.lock.acquire(timeout=_ANSWER_WITHIN)
        finally:
            self._waiting.pop(request_id, None)
        if waiting.answer is None:
            self.hang_up()
            raise ConnectionResetError("no answer came over the channel")
        return waiting.answer

    def reply(self, text: str) -> None:
        """Say what became of a kick."""
        self._send(text)

    def read(self, until: float = float("inf")) -> None:
        """Take in what comes next, or ping when it is time; nothing by ``until``: return."""
        now = time.monotonic()
        if now - self._heard_at > _DEAD_AFTER:
            raise ConnectionResetError("the server has gone silent")
        if now >= self._ping_at:
            with self._lock:
                self._connection.sendall(self._frames.ping(b"keepalive"))
            self._ping_at = now + _PING_EVERY
        if self._readable(min(self._ping_at, until) - now):
            self._receive()

    def leave(self) -> None:
        """Say that this agent ends, and have the line end, from any thread."""
        self._left = True
        # Whoever holds the lock may be sending to a server that takes nothing any more.
        if self._lock.acquire(timeout=_GOODBYE_WITHIN):
            try:
                self._connection.sendall(self._frames.close(_LEAVING))
            except (OSError, ValueError):
                pass  # it has ended, or takes nothing any more
            finally:
                self._lock.release()
        self.hang_up()

    def hang_up(self) -> None:
        """Have the line end, from any thread."""
        try:
            # Not that of a TLS socket, which speaks in clear from then on.
            socket.socket.shutdown(self._connection, socket.SHUT_RDWR)
        except OSError:
            pass  # it is closed already

    def close(self) -> None:
        """By the thread that reads: nobody waits any longer."""
        self.hang_up()  # ends a call that holds the lock
        with self._lock:
            self._closed = True
            self._connection.close()
        while self._waiting:
            _, waiting = self._waiting.popitem()
            waiting.lock.release()

    def _send(self, message: "Union[str, bytes]") -> None:
        with self._lock:
            if self._closed:
                raise ConnectionResetError("the channel is closed")
            self._connection.sendall(self._frames.send_data(message))

    def _receive(self) -> None:
        with self._lock:
            data = self._connection.recv(65536)
        if not data:
            raise ConnectionResetError(
                "closed, for this agent ends" if self._left else "the server closed the connection"
            )
        self._heard_at = time.monotonic()
        self._heard(data)

    def _heard(self, data: bytes) -> None:
        self._frames.receive_bytes(data)
        for frame in self._frames.received_frames():
            self._framed(frame)

    def _readable(self, at_most: float) -> bool:
        pending = getattr(self._connection, "pending", None)  # what TLS has read but not given out
        if pending is not None:
            with self._lock:
                if pending():
                    return True
        poll = select.poll()
        poll.register(self._connection, select.POLLIN)
        return bool(poll.poll(max(at_most, 0) * 1000))

    def _framed(self, frame: Frame) -> None:
        payload = frame.payload
        if isinstance(payload, tuple):  # of a close frame
            if payload[0] == _REPLACED:
                raise ConnectionResetError("another agent speaks for this machine")
            raise ConnectionResetError("the server closed the channel")
        data = payload.encode() if isinstance(payload, str) else bytes(payload)
        if frame.opcode is Opcode.PING:
            with self._lock:
                self._connection.sendall(self._frames.pong(data))
        elif frame.opcode is not Opcode.PONG:
            kick = frame.opcode is Opcode.TEXT
            self._message += data
            if len(self._message) > (_LONGEST_KICK if kick else _LONGEST_ANSWER):
                raise ValueError("a message is too long")
            if frame.message_finished:
                message = bytes(self._message)
                self._message.clear()
                if kick:
                    self.kicks.append(message.decode("utf-8", "replace"))
                else:
                    self._answered(message)

    def _answered(self, message: bytes) -> None:
        request_id, status, body = enclosed.answer_from_bytes(message)
        waiting = self._waiting.pop(request_id, None)
        if waiting is not None:  # else whoever asked waits no more
            waiting.answer = status, body
            waiting.lock.release()
