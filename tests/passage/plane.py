"""A control plane's outside: a real HTTP server that keeps every request, byte for byte.

What it answers depends on the path, so that a test can ask for each way in which servers behave.
"""

from __future__ import annotations

import hashlib
import json
import socket
import socketserver
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BufferedIOBase
from urllib.parse import parse_qsl

from cloudhand.wire import signature

REGIONS = {"RequestId": "R", "Regions": {"Region": [{"RegionId": "cn-hangzhou"}]}}
KEY_ID, KEY_SECRET = "LTAI-of-the-rehearsal", "secret-of-the-rehearsal"


@dataclass(frozen=True, kw_only=True)
class Recorded:
    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name]

    def value(self, name: str) -> str:
        (only,) = self.values(name)
        return only

    @property
    def signed(self) -> bool:
        """Whether the signature is that of the rehearsal's key over what arrived."""
        query = self.target.partition("?")[2]
        pairs = parse_qsl(query, keep_blank_values=True)
        given = dict(pairs)
        if "Signature" in given:
            text = signature.v1_string_to_sign(self.method, pairs)
            mac = signature.v1_signature(hashlib.sha1, KEY_SECRET, text)
            return given["AccessKeyId"] == KEY_ID and given["Signature"] == mac
        return self._signed_v3(pairs)

    def _signed_v3(self, pairs: list[tuple[str, str]]) -> bool:
        scheme, _, rest = self.value("authorization").partition(" ")
        parts = dict(part.strip().split("=", 1) for part in rest.split(","))
        names = parts["SignedHeaders"].split(";")
        headers = {name: self.value(name) for name in names}
        digest = hashlib.sha256(self.body).hexdigest()
        canonical = signature.v3_canonical_request(self.method, pairs, headers, names, digest)
        mac = signature.v3_signature(KEY_SECRET, signature.v3_string_to_sign(canonical))
        known = scheme == signature.V3_ALGORITHM and parts["Credential"] == KEY_ID
        return known and "host" in names and parts["Signature"] == mac


@dataclass
class Plane:
    """``port`` to speak to, ``requests`` as they came."""

    port: int
    requests: list[Recorded] = field(default_factory=list)
    connections: int = 0
    ended: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def __post_init__(self) -> None:
        self.go_on = threading.Event()  # lets /wait answer

    def last(self) -> Recorded:
        return self.requests[-1]


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = False
    request_queue_size = 64
    plane: Plane
    tls: ssl.SSLContext | None = None

    def get_request(self) -> tuple[socket.socket, object]:
        connection, address = super().get_request()
        if self.tls is not None:
            # The handshake is for the connection's own thread.
            connection = self.tls.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False
            )
        return connection, address

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        super().shutdown_request(request)
        self.plane.ended.release()


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        plane = self.server.plane
        plane.connections += 1
        try:
            while self._one(plane):
                pass
        except OSError:
            pass  # tests break connections on purpose

    def _one(self, plane: Plane) -> bool:
        line = self.rfile.readline().decode()
        if not line:
            return False
        method, target, _ = line.split(" ")
        headers = tuple(_fields(self.rfile))
        if target.startswith("/early"):
            self._send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\n\r\nlarge")
            return False
        if any(name.lower() == "expect" for name, _ in headers):
            self._send(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = _body(self.rfile, {name.lower(): value for name, value in headers})
        recorded = Recorded(method=method, target=target, headers=headers, body=body)
        plane.requests.append(recorded)
        answer = _ANSWERS.get(target.partition("?")[0], _Handler._regions)
        return answer(self, recorded)

    def _send(self, data: bytes) -> None:
        self.wfile.write(data)
        self.wfile.flush()

    def _regions(self, request: Recorded) -> bool:
        body = json.dumps(REGIONS).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        self._send(head.encode() + b"\r\n\r\n" + (b"" if request.method == "HEAD" else body))
        return True

    def _echo(self, request: Recorded) -> bool:
        self._send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(request.body))
        self._send(request.body)
        return True

    def _chunked(self, request: Recorded) -> bool:
        self._send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Sum\r\n\r\n")
        self._send(b"5;note=1\r\nhello\r\n6\r\n world\r\n0\r\nSum: 11\r\n\r\n")
        return True

    def _until_close(self, request: Recorded) -> bool:
        self._send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * 300_000)
        return False

    def _wait(self, request: Recorded) -> bool:
        self._send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        if not self.server.plane.go_on.wait(20):
            return False
        self._send(b"4\r\nlast\r\n0\r\n\r\n")
        return True

    def _reset(self, request: Recorded) -> bool:
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False

    def _broken(self, request: Recorded) -> bool:
        self._send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        return self._reset(request)

    def _nonsense(self, request: Recorded) -> bool:
        self._send(b"220 ftp.example.com ready\r\n\r\n")
        return False

    def _last(self, request: Recorded) -> bool:
        """Answer as if to keep the connection, and end it."""
        self._regions(request)
        return False

    def _upgrade(self, request: Recorded) -> bool:
        self._send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\n\r\nhi ")
        while data := self.request.recv(1024):
            self._send(data.upper())
        return False


_ANSWERS: Mapping[str, Callable[[_Handler, Recorded], bool]] = {
    "/echo": _Handler._echo,
    "/chunked": _Handler._chunked,
    "/until-close": _Handler._until_close,
    "/wait": _Handler._wait,
    "/reset": _Handler._reset,
    "/broken": _Handler._broken,
    "/nonsense": _Handler._nonsense,
    "/last": _Handler._last,
    "/upgrade": _Handler._upgrade,
}


def _fields(file: BufferedIOBase) -> Iterator[tuple[str, str]]:
    while (line := file.readline().decode("latin-1").rstrip("\r\n")) != "":
        name, _, value = line.partition(":")
        yield name, value.strip()


def _body(file: BufferedIOBase, headers: Mapping[str, str]) -> bytes:
    if headers.get("transfer-encoding") != "chunked":
        return file.read(int(headers.get("content-length", "0")))
    whole = b""
    while size := int(file.readline().partition(b";")[0], 16):
        whole += file.read(size)
        file.readline()
    file.readline()
    return whole


@contextmanager
def plane(tls: ssl.SSLContext | None = None) -> Iterator[Plane]:
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.plane = Plane(port=server.server_address[1])
        server.tls = tls
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.plane
        finally:
            server.plane.go_on.set()
            server.shutdown()
            thread.join()
