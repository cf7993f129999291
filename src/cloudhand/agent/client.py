"""The gateway over HTTP; the only module that speaks it.

A client of our own over plain sockets: ``http.client`` and what it brings cost an idle agent
more memory than all of its own code. It speaks only to our gateway, which answers with a length.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import threading
import time
from typing import Any, Dict, List, Optional, Tuple
from urllib.parse import quote_plus

import cloudhand
from cloudhand.agent import log, machine
from cloudhand.agent.identity import Identity
from cloudhand.agent.line import Line
from cloudhand.agent.server import Server
from cloudhand.wire import agent as wire
from cloudhand.wire import enclosed, release
from cloudhand.wire.signature import sign_agent
from cloudhand.wire.standing import Standing

try:  # The built-in module spares the agent the 3 MiB of libcrypto that hashlib loads.
    from _sha1 import sha1 as _sha1  # type: ignore[import-not-found, unused-ignore]
except ImportError:
    from hashlib import sha1 as _sha1

_IDLE_KEPT = 2  # connections
_HEAD_LIMIT = 64 * 1024
_BODY_LIMIT = 64 * 1024 * 1024
_FINAL = (403, 404, 413, 422)  # a later attempt would be answered the same
_WEBSOCKET_MARK = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Answer:
    """Status, headers by lower-case name, body."""

    def __init__(self, status: int, headers: "Dict[str, str]", body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    def json(self) -> "Dict[str, Any]":
        """Unavailable when something else answers than our gateway."""
        try:
            value = json.loads(self.body)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise wire.Unavailable(f"the server answered {self.status} without JSON")
        return value


class UnknownInstance(wire.Rejected):
    """The control plane does not know this identity."""


class WrongKey(wire.Unavailable):
    """The control plane knows the instance by another key."""


class Client:
    """wire.agent.Gateway, for any number of threads. ``identity`` None: only ``register``."""

    def __init__(self, server: Server, identity: Optional[Identity] = None) -> None:
        self._server = server
        self._identity = identity
        self._line: Optional[Line] = None  # over which to ask
        self._idle: "List[socket.socket]" = []
        self._lock = threading.Lock()
        self._clock_offset = 0  # ms, server's clock less ours

    def register(self, registration: wire.Registration) -> wire.Registered:
        body = json.dumps(registration.to_json()).encode()
        return wire.Registered.from_json(self._ask("POST", wire.REGISTER_PATH, {}, body))

    def beat(self, heartbeat: wire.Heartbeat) -> int:
        answer = self._ask("GET", wire.HEARTBEAT_PATH, heartbeat.to_query())
        interval = answer.get("nextInterval")
        return int(interval) if isinstance(interval, (int, float)) else 0

    def inventory(self, inventory: wire.Inventory) -> wire.Orders:
        body = json.dumps(inventory.to_json()).encode()
        return wire.Orders.from_json(self._ask("POST", wire.INVENTORY_PATH, {}, body))

    def fetch(self, fetch: wire.Fetch) -> wire.Worklist:
        return wire.Worklist.from_json(self._ask("POST", wire.TASK_LIST_PATH, fetch.to_query()))

    def report(self, report: wire.Report) -> wire.Ack:
        path = wire.REPORT_PATH + report.kind
        return wire.Ack.from_json(self._ask("POST", path, report.to_query(), report.output))

    def standing(self) -> Standing:
        """As what the gateway takes the agent of this machine."""
        return Standing.from_json(self._ask("GET", wire.STATUS_PATH, {}))

    def deregister(self) -> None:
        self._ask("POST", wire.DEREGISTER_PATH, {})

    def package(self) -> bytes:
        """Of the agent's release that is offered. It is too large to stand in the way of kicks."""
        answer = self._ask("GET", release.PACKAGE_PATH, {}, over_line=False)
        try:
            return base64.b64decode(str(answer.get("package", "")), validate=True)
        except ValueError:
            raise wire.Unavailable("the server answered without a package") from None

    def upgraded(self, outcome: release.Outcome) -> None:
        self._ask("POST", release.UPGRADE_PATH, outcome.to_query())

    def ask_over(self, line: "Optional[Line]") -> None:
        """Make requests over the kick channel from now on, or no more."""
        with self._lock:
            self._line = line
            idle, self._idle = (self._idle, []) if line is not None else ([], self._idle)
        for connection in idle:
            connection.close()

    def server_time(self) -> int:
        """In milliseconds since the epoch, to the second; ours where it tells none."""
        answer = self._exchange("GET", wire.CONNECTION_PATH, "", b"")
        if answer.status != 200:
            raise _refusal(answer)
        return _date(answer.headers.get("date", "")) or int(time.time() * 1000)

    def try_upgrade(self) -> int:
        """The status with which the gateway, or something before it, answers a WebSocket; or 0."""
        connection = self._connect()
        try:
            key = base64.b64encode(os.urandom(16)).decode()
            connection.sendall(self._request("GET", wire.CHANNEL_PATH, "", b"", _upgrading(key)))
            answer, _ = _receive(connection, has_body=False)
            return answer.status
        except (OSError, ValueError):
            return 0
        finally:
            connection.close()

    def upgrade(self) -> "Tuple[socket.socket, bytes, bool]":
        """Open the kick channel.

        A socket that speaks WebSocket, what came with the answer, and whether it takes requests.
        """
        connection = self._connect()
        key = base64.b64encode(os.urandom(16)).decode()
        try:
            connection.sendall(self._request("GET", wire.CHANNEL_PATH, "", b"", _upgrading(key)))
            answer, rest = _receive(connection, has_body=False)
        except (OSError, ValueError) as error:
            connection.close()
            raise self._unavailable(error) from error
        if answer.status != 101:
            connection.close()
            self._correct_clock(answer)
            raise wire.Unavailable(f"cannot open the channel: status {answer.status}")
        if answer.headers.get("sec-websocket-accept") != _accepted(key):
            connection.close()
            raise wire.Unavailable("cannot open the channel: the answer is not to our question")
        return connection, rest, enclosed.HEADER in answer.headers

    def _ask(
        self,
        method: str,
        path: str,
        query: "Dict[str, str]",
        body: bytes = b"",
        *,
        over_line: bool = True,
    ) -> "Dict[str, Any]":
        text = "&".join(f"{name}={quote_plus(value)}" for name, value in query.items())
        answer = self._exchange(method, path, text, body, over_line=over_line)
        if answer.status == 401 and answer.json().get("reason") == "timestamp":
            self._correct_clock(answer)
            answer = self._exchange(method, path, text, body, over_line=over_line)
        if 200 <= answer.status < 300:
            return answer.json()
        raise _refusal(answer)

    def _exchange(
        self, method: str, path: str, query: str, body: bytes, *, over_line: bool = True
    ) -> Answer:
        """One request: over the channel, or on a kept connection if one still lives."""
        line = self._line if over_line else None
        if line is not None and len(body) <= enclosed.BODY_LIMIT:
            over = self._exchange_over(line, method, path, query, body)
            if over is not None:
                return over
        while True:
            with self._lock:
                connection = self._idle.pop() if self._idle else None
            kept = connection is not None
            connection = connection or self._connect()
            try:
                connection.sendall(self._request(method, path, query, body, {}))
                answer, _ = _receive(connection, has_body=True)
            except (OSError, ValueError) as error:
                connection.close()
                if kept:  # the server may have closed it while it was idle
                    continue
                raise self._unavailable(error) from error
            self._keep(connection, answer)
            return answer

    def _exchange_over(
        self, line: "Line", method: str, path: str, query: str, body: bytes
    ) -> Optional[Answer]:
        """None when it is to be asked again by HTTP, which tells the time with a refusal."""
        assert self._identity is not None
        headers = self._signed(self._identity, method, path, query, body)
        target = f"{path}?{query}" if query else path
        request = enclosed.Request(method, target, headers, body)
        try:
            status, content = line.ask(request, headers[wire.REQUEST_HEADER])
        except (OSError, ValueError) as error:
            log.info(f"channel: {error}")
            return None
        return None if status == 401 else Answer(status, {}, content)

    def _connect(self) -> socket.socket:
        try:
            return self._server.connect()
        except OSError as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: Exception) -> wire.Unavailable:
        return wire.Unavailable(self._server.why(error, new=self._identity is None))

    def _keep(self, connection: socket.socket, answer: Answer) -> None:
        with self._lock:
            wanted = answer.headers.get("connection", "").lower() != "close"
            if wanted and self._line is None and len(self._idle) < _IDLE_KEPT:
                self._idle.append(connection)
                return
        connection.close()

    def _request(
        self, method: str, path: str, query: str, body: bytes, extra: "Dict[str, str]"
    ) -> bytes:
        headers = {
            "Host": self._server.name,
            "User-Agent": f"{machine.platform()}/{wire.COMPATIBLE_VERSION}",
            "Content-Length": str(len(body)),
            wire.EXTENSIONS_HEADER: cloudhand.__version__,
            **extra,
        }
        if extra:
            del headers["Content-Length"]
        if self._identity is not None:
            headers.update(self._signed(self._identity, method, path, query, body))
        target = f"{path}?{query}" if query else path
        lines = [f"{method} {target} HTTP/1.1"] + [f"{n}: {v}" for n, v in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + body

    def _signed(
        self, identity: Identity, method: str, path: str, query: str, body: bytes
    ) -> "Dict[str, str]":
        timestamp = str(int(time.time() * 1000) + self._clock_offset)
        request_id = os.urandom(16).hex()
        boot_id = machine.boot_id()
        signature = sign_agent(
            identity.key,
            method=method,
            path=path,
            query=query,
            body=body,
            instance_id=identity.instance_id,
            timestamp=timestamp,
            request_id=request_id,
            boot_id=boot_id,
        )
        return {
            wire.INSTANCE_HEADER: identity.instance_id,
            wire.TIMESTAMP_HEADER: timestamp,
            wire.REQUEST_HEADER: request_id,
            wire.BOOT_HEADER: boot_id,
            wire.HMAC_SIGNATURE_HEADER: signature,
        }

    def _correct_clock(self, answer: Answer) -> None:
        """Take over the server's time, which is what it judges ours by."""
        moment = _date(answer.headers.get("date", ""))
        if moment:
            self._clock_offset = moment - int(time.time() * 1000)


def _upgrading(key: str) -> "Dict[str, str]":
    """The headers of an opening."""
    return {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": key,
        "Sec-WebSocket-Version": "13",
    }


def _accepted(key: str) -> str:
    """What a server that speaks WebSocket (RFC 6455) makes of a key."""
    digest = _sha1(key.encode() + _WEBSOCKET_MARK).digest()
    return base64.b64encode(digest).decode()


def _refusal(answer: Answer) -> Exception:
    try:
        body = json.loads(answer.body)
    except ValueError:
        body = None
    said = body if isinstance(body, dict) else {}
    message = str(said.get("message") or f"the server answered {answer.status} without a reason")
    if said.get("reason") == "unknown-instance":
        return UnknownInstance(message)
    if said.get("reason") == "signature":
        return WrongKey(message)
    # Only our gateway names a reason; what a proxy in between says may pass.
    if answer.status in _FINAL and "reason" in said:
        return wire.Rejected(message)
    return wire.Unavailable(message)


def _receive(connection: socket.socket, *, has_body: bool) -> "Tuple[Answer, bytes]":
    """An answer, and what came behind it; OSError, or ValueError when it is no HTTP."""
    head, rest = _until(connection, b"", b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    version, _, rest_of_line = lines[0].partition(" ")
    if not version.startswith("HTTP/1."):
        raise ValueError("what answers there is no control plane: it does not speak HTTP")
    status = int(rest_of_line[:3])
    if not has_body or status == 101:
        return Answer(status, headers, b""), rest
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body, rest = _chunks(connection, rest)
    else:
        body, rest = _exactly(connection, rest, int(headers.get("content-length", "0")))
    return Answer(status, headers, body), rest


def _chunks(connection: socket.socket, rest: bytes) -> "Tuple[bytes, bytes]":
    """A body in chunks, as proxies send it, and what came behind it."""
    body = b""
    while True:
        size, rest = _until(connection, rest, b"\r\n")
        length = int(size.partition(b";")[0], 16)
        piece, rest = _exactly(connection, rest, length)
        body += piece
        # Behind the last chunk come trailers, if any, and an empty line.
        line, rest = _until(connection, rest, b"\r\n")
        while length == 0 and line:
            line, rest = _until(connection, rest, b"\r\n")
        if length == 0:
            return body, rest


def _until(connection: socket.socket, data: bytes, mark: bytes) -> "Tuple[bytes, bytes]":
    while mark not in data:
        if len(data) > _HEAD_LIMIT:
            raise ValueError("the answer has no end of headers")
        data += _some(connection)
    before, _, rest = data.partition(mark)
    return before, rest


def _exactly(connection: socket.socket, data: bytes, length: int) -> "Tuple[bytes, bytes]":
    if not 0 <= length <= _BODY_LIMIT:
        raise ValueError(f"the answer says it has {length} bytes")
    while len(data) < length:
        data += _some(connection)
    return data[:length], data[length:]


def _some(connection: socket.socket) -> bytes:
    data = connection.recv(65536)
    if not data:
        raise ConnectionResetError("the server closed the connection")
    return data


def _date(text: str) -> int:
    """Milliseconds since the epoch of an HTTP date; 0 if it is none."""
    words = text.split()
    if len(words) != 6 or words[2] not in _MONTHS:
        return 0
    hour, minute, second = (int(part) for part in words[4].split(":"))
    day, month, year = int(words[1]), _MONTHS.index(words[2]) + 1, int(words[3])
    # Days since the epoch by the civil calendar; datetime would cost the idle agent memory.
    shifted = year - (month <= 2)
    month_day = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    days = 365 * shifted + shifted // 4 - shifted // 100 + shifted // 400 + month_day - 719468
    return ((days * 24 + hour) * 60 + minute) * 60_000 + second * 1000
