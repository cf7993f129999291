"""A link spoils what it is to spoil, and in the way that it says."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest
from wsproto.frame_protocol import FrameProtocol

from cloudhand.wire import agent as wire
from cloudhand.wire.enclosed import Request
from tests.faults.real import link as links
from tests.faults.real.link import Link, Ways

_OPENING = b"GET /channel HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n"
_ANSWER = b"HTTP/1.1 200 x\r\nContent-Length: 2\r\n\r\nok"


class _Plane(socketserver.ThreadingTCPServer):
    """Keeps what it hears; answers requests, and opens channels, over which it says each back."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.heard: list[bytes] = []
        self._changed = threading.Condition()

    def hear(self, what: bytes) -> None:
        with self._changed:
            self.heard.append(what)
            self._changed.notify_all()

    def has_heard(self, count: int) -> list[bytes]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.heard) >= count, 10), self.heard
            return list(self.heard)


class _Handler(socketserver.StreamRequestHandler):
    server: _Plane

    def handle(self) -> None:
        with suppress(ConnectionResetError):  # the link was cut
            self._listen()

    def _listen(self) -> None:
        while line := self.rfile.readline():
            channel = False
            while (header := self.rfile.readline()) != b"\r\n":
                channel = channel or header.startswith(b"Upgrade")
            if channel:
                self.wfile.write(b"HTTP/1.1 101 x\r\n\r\n")
                self._frames()
                return
            self.server.hear(line.split()[1])
            self.wfile.write(_ANSWER)

    def _frames(self) -> None:
        frames = FrameProtocol(client=False, extensions=[])
        while data := self.connection.recv(4096):
            frames.receive_bytes(data)
            for frame in frames.received_frames():
                said = frame.payload
                assert isinstance(said, (bytes, bytearray))
                self.server.hear(bytes(said))
                self.connection.sendall(frames.send_data(bytes(said)))


@pytest.fixture
def plane() -> Iterator[_Plane]:
    with _Plane() as one:
        thread = threading.Thread(target=one.serve_forever, args=(0.01,))
        thread.start()
        yield one
        one.shutdown()
        thread.join()


@pytest.fixture
def link(plane: _Plane) -> Iterator[Link]:
    with closing(Ways()) as ways:
        port = plane.server_address[1]
        with closing(ways.link(lambda: port, late=0.1)) as one:
            yield one


def _connect(link: Link, timeout: float = 10) -> socket.socket:
    return socket.create_connection(("127.0.0.1", link.port), timeout)


def _channel(link: Link) -> socket.socket:
    connection = _connect(link)
    connection.sendall(_OPENING)
    assert connection.recv(100).startswith(b"HTTP/1.1 101")
    return connection


def _frame(said: bytes) -> bytes:
    return bytes(FrameProtocol(client=True, extensions=[]).send_data(said))


def _ask(connection: socket.socket, path: str) -> bytes:
    connection.sendall(f"GET /{path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return connection.recv(200)


def _works(link: Link) -> None:
    with _connect(link) as connection:
        assert _ask(connection, "again") == _ANSWER
        assert _ask(connection, "once-more") == _ANSWER
    with _channel(link) as channel:
        channel.sendall(_frame(b"hello"))
        assert channel.recv(100).endswith(b"hello")


def test_it_leads_through(link: Link) -> None:
    _works(link)
    assert not link.done


def test_connections_are_cut(link: Link) -> None:
    with _channel(link) as channel:
        link.spoil(links.CUT)
        with pytest.raises(ConnectionResetError):
            channel.recv(1)
    with _connect(link) as connection:
        assert _ask(connection, "no") == b""
    link.heal()
    _works(link)


def test_what_is_half_open_stays_so(link: Link, plane: _Plane) -> None:
    with _channel(link) as channel:
        link.spoil(links.HALF_OPEN)
        channel.settimeout(0.1)
        for healed in (False, True):
            if healed:
                link.heal()
            channel.sendall(_frame(b"lost"))
            with pytest.raises(TimeoutError):
                channel.recv(1)
        _works(link)
        assert b"lost" not in plane.heard
        link.drop()
        with pytest.raises(ConnectionResetError):
            channel.recv(1)


def test_requests_are_refused(link: Link, plane: _Plane) -> None:
    with _channel(link) as channel:
        link.spoil(links.REFUSING)
        with pytest.raises(ConnectionResetError):
            channel.recv(1)
    with _connect(link) as connection:
        assert b" 503 " in _ask(connection, "no")
    assert plane.heard == []
    link.heal()
    _works(link)


def test_bytes_trickle(link: Link) -> None:
    with _channel(link) as channel:
        link.spoil(links.SLOW)
        channel.sendall(_frame(b"a long way"))
        channel.settimeout(0.3)
        with pytest.raises(TimeoutError):
            channel.recv(1)
        assert link.done[links.SLOW] == 1
        link.heal()
        with pytest.raises(ConnectionResetError):
            channel.recv(1)
    _works(link)


def test_messages_go_twice(link: Link, plane: _Plane) -> None:
    with _channel(link) as channel:
        link.spoil(links.DUPLICATE)
        channel.sendall(_frame(b"a"))
        assert plane.has_heard(2) == [b"a", b"a"]
    with _connect(link) as connection:
        assert _ask(connection, "b") == _ANSWER
        assert plane.has_heard(4)[2:] == [b"/b", b"/b"]


def test_a_message_is_overtaken(link: Link, plane: _Plane) -> None:
    with _channel(link) as channel:
        link.spoil(links.REORDER)
        channel.sendall(_frame(b"first") + _frame(b"second") + _frame(b"third"))
        assert plane.has_heard(3) == [b"second", b"first", b"third"]


def test_one_that_nothing_overtakes_comes_all_the_same(link: Link, plane: _Plane) -> None:
    with _channel(link) as channel:
        link.spoil(links.REORDER)
        channel.sendall(_frame(b"alone"))
        assert plane.has_heard(1) == [b"alone"]


def test_a_message_arrives_when_its_way_is_gone(link: Link, plane: _Plane) -> None:
    headers = dict.fromkeys(
        (wire.TIMESTAMP_HEADER, wire.REQUEST_HEADER, wire.BOOT_HEADER, wire.HMAC_SIGNATURE_HEADER),
        "x",
    )
    with _channel(link) as channel:
        link.spoil(links.LATE)
        channel.sendall(_frame(Request("POST", "/late", headers, b"").to_bytes()))
        channel.sendall(_frame(b"next"))
    assert plane.has_heard(2) == [b"next", b"/late"]
