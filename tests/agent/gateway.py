"""A gateway for tests of the agent: real sockets, and as unfriendly as a test wants it."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import socket
import threading
import time
from collections.abc import Callable
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from wsproto.frame_protocol import FrameProtocol, Opcode

from cloudhand.wire import agent as wire
from cloudhand.wire import enclosed, release
from cloudhand.wire.signature import sign_agent
from cloudhand.wire.standing import Standing

KEY = b"k" * 32
INSTANCE_ID = "i-0agenttest"
_WEBSOCKET_MARK = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_WAIT = 15.0  # seconds that a test waits for anything

# What a test may answer to a report: an acknowledgement, or an HTTP status instead.
Answer = wire.Ack | int


class FakeGateway:
    """Speaks wire.agent to one agent; keeps what it was told. Use it in a with statement."""

    def __init__(self, port: int = 0) -> None:
        self.changed = threading.Condition()
        self.open: dict[str, wire.Task] = {}  # handed out until their end is reported
        self.stopping: list[str] = []
        self.testing: list[wire.Task] = []
        self.sending: dict[str, wire.FileTask] = {}  # handed out until their end is reported
        self.reports: list[wire.Report] = []
        self.registrations: list[wire.Registration] = []
        self.beats: list[wire.Heartbeat] = []
        self.boot_ids: set[str] = set()
        self.inventories: list[wire.Inventory] = []
        self.fetches: list[wire.Fetch] = []
        self.replies: list[str] = []  # to kicks
        self.refused: list[str] = []  # reasons
        self.channel_allowed = True
        self.known = True  # whether the agent's identity is
        self.instance_id = INSTANCE_ID  # of who registers
        self.key = KEY
        self.cloned = False
        self.clock_skew = 0.0  # seconds that this gateway's clock is ahead
        self.chunked = False
        self.takes_requests = True  # over the channel
        self.goodbyes: list[int] = []  # codes with which channels were closed by the agent
        self.over_channel: list[str] = []  # targets of requests that came so
        self.bodies_over_channel: list[bytes] = []
        self.upgrade: release.Order | None = None  # handed out until its outcome is told
        self.package = b""
        self.outcomes: list[release.Outcome] = []
        self.acknowledge: Callable[[wire.Report], Answer] = lambda report: wire.Ack()
        self._channels: list[socket.socket] = []
        self._seen: set[str] = set()
        self.port = port
        self._server: _Server | None = None

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(self, *_: object) -> None:
        self.down()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def up(self) -> None:
        self._server = _Server(("127.0.0.1", self.port), self)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def down(self) -> None:
        """Be unreachable, as a control plane that is being restarted."""
        if self._server is None:
            return
        self._server.shutdown()
        self._server.cut_connections()
        self._server.server_close()
        self._thread.join()
        self._server = None

    @property
    def connections(self) -> int:
        """How many are open."""
        return self._server.connections if self._server is not None else 0

    def run(self, task: wire.Task) -> None:
        with self.changed:
            self.open[task.task_id] = task
        self.kick(f"kick_vm task run {task.task_id}")

    def send(self, file: wire.FileTask) -> None:
        with self.changed:
            self.sending[file.task_id] = file
        self.kick(f"kick_vm file create {file.task_id}")

    def stop(self, task_id: str) -> None:
        with self.changed:
            self.stopping.append(task_id)
        self.kick(f"kick_vm task stop {task_id}")

    def kick(self, text: str | bytes) -> None:
        """To every open channel; lost when there is none, as in life."""
        with self.changed:
            channels = list(self._channels)
        for channel in channels:
            with contextlib.suppress(OSError):  # it has ended just now
                channel.sendall(bytes(FrameProtocol(client=False, extensions=[]).send_data(text)))

    def send_raw(self, frame: bytes) -> None:
        with self.changed:
            for channel in self._channels:
                channel.sendall(frame)

    def cut_channels(self) -> None:
        with self.changed:
            for channel in self._channels:
                _cut(channel)

    def wait(self, holds: Callable[[], bool], *, at_most: float = _WAIT) -> None:
        with self.changed:
            assert self.changed.wait_for(holds, at_most), [
                (report.kind, report.task_id) for report in self.reports
            ]

    def online(self) -> None:
        """Until the agent has opened its channel, and has nothing more to ask of its own."""
        self.wait(lambda: bool(self._channels) and any(f.reason == "kickoff" for f in self.fetches))

    def end_of(self, task_id: str, *, at_most: float = _WAIT) -> wire.Report:
        """The first final report of a task."""
        self.wait(lambda: bool(self.finals(task_id)), at_most=at_most)
        return self.finals(task_id)[0]

    def finals(self, task_id: str) -> list[wire.Report]:
        return [r for r in self.reports if r.task_id == task_id and r.kind != wire.RUNNING]

    def output_of(self, task_id: str) -> bytes:
        """All that was said of an output, each piece in its place."""
        kept = b""
        for report in self.reports:
            if report.task_id == task_id and report.offset is not None:
                assert report.offset <= len(kept), "a piece is missing"
                kept = (
                    kept[: report.offset]
                    + report.output
                    + kept[report.offset :][len(report.output) :]
                )
        return kept

    def answer(
        self, method: str, target: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, Any]]:
        parts = urlsplit(target)
        with self.changed:
            status, answer = self._answer(method, parts.path, parts.query, headers, body)
            self.changed.notify_all()
        return status, answer

    def refusal(
        self, method: str, path: str, query: str, headers: dict[str, str], body: bytes
    ) -> str:
        """Why a request is not heard; empty: it is."""
        if not self.known or headers.get(wire.INSTANCE_HEADER) != self.instance_id:
            return "unknown-instance"
        timestamp = headers[wire.TIMESTAMP_HEADER]
        if abs(time.time() + self.clock_skew - int(timestamp) / 1000) > 60:
            return "timestamp"
        request_id = headers[wire.REQUEST_HEADER]
        expected = sign_agent(
            self.key,
            method=method,
            path=path,
            query=query,
            body=body,
            instance_id=self.instance_id,
            timestamp=timestamp,
            request_id=request_id,
            boot_id=headers[wire.BOOT_HEADER],
        )
        if headers[wire.HMAC_SIGNATURE_HEADER] != expected:
            return "signature"
        if request_id in self._seen:
            return "replay"
        self._seen.add(request_id)
        self.boot_ids.add(headers[wire.BOOT_HEADER])
        return ""

    def serve_channel(self, connection: socket.socket, key: str) -> None:
        digest = hashlib.sha1(key.encode() + _WEBSOCKET_MARK).digest()
        connection.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: "
            + base64.b64encode(digest)
            + b"\r\n"
            + (f"{enclosed.HEADER}: 1\r\n".encode() if self.takes_requests else b"")
            + b"\r\n"
        )
        with self.changed:
            self._channels.append(connection)
            self.changed.notify_all()
        try:
            self._listen(connection)
        finally:
            with self.changed:
                self._channels.remove(connection)
                self.changed.notify_all()

    def _listen(self, connection: socket.socket) -> None:
        frames = FrameProtocol(client=False, extensions=[])
        message = bytearray()
        while True:
            try:
                data = connection.recv(4096)
            except OSError:
                return
            if not data:
                return
            frames.receive_bytes(data)
            for frame in frames.received_frames():
                if frame.opcode is Opcode.PING:
                    assert isinstance(frame.payload, bytes | bytearray)
                    with contextlib.suppress(OSError):  # the agent has ended meanwhile
                        connection.sendall(bytes(frames.pong(bytes(frame.payload))))
                elif frame.opcode is Opcode.TEXT:
                    with self.changed:
                        self.replies.append(str(frame.payload))
                        self.changed.notify_all()
                elif frame.opcode is Opcode.CLOSE:
                    assert isinstance(frame.payload, tuple)
                    with self.changed:
                        self.goodbyes.append(int(frame.payload[0]))
                        self.changed.notify_all()
                elif frame.opcode is Opcode.BINARY:
                    assert isinstance(frame.payload, bytes | bytearray)
                    message += frame.payload
                    if frame.message_finished:
                        self._asked(connection, frames, bytes(message))
                        message.clear()

    def _asked(self, connection: socket.socket, frames: FrameProtocol, message: bytes) -> None:
        request = enclosed.Request.from_bytes(message)
        self.over_channel.append(request.target)
        self.bodies_over_channel.append(request.body)
        headers = {wire.INSTANCE_HEADER: self.instance_id, **request.headers}
        status, said = self.answer(request.method, request.target, headers, request.body)
        answer = enclosed.answer_to_bytes(
            headers[wire.REQUEST_HEADER], status, json.dumps(said).encode()
        )
        try:
            connection.sendall(bytes(frames.send_data(answer)))
        except OSError:
            return  # the agent has been killed

    def _answer(
        self, method: str, path: str, query: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, Any]]:
        if path == wire.REGISTER_PATH:
            self.registrations.append(wire.Registration.from_json(json.loads(body)))
            if self.registrations[-1].activation_code != "code":
                return 403, {"code": 403, "reason": "rejected", "message": "no such activation"}
            self.known = True
            return 200, wire.Registered(self.instance_id, "cn-test", self.key).to_json()
        if path == wire.CONNECTION_PATH:
            return 200, {}
        reason = self.refusal(method, path, query, headers, body)
        if reason:
            self.refused.append(reason)
            return 401, {"code": 401, "reason": reason, "message": f"refused: {reason}"}
        said = dict(parse_qsl(query, keep_blank_values=True))
        if path == wire.HEARTBEAT_PATH:
            self.beats.append(wire.Heartbeat.from_query(said))
            return 200, {"nextInterval": 60_000}
        if path == wire.INVENTORY_PATH:
            self.inventories.append(wire.Inventory.from_json(json.loads(body)))
            return 200, wire.Orders().to_json()
        if path == wire.TASK_LIST_PATH:
            return 200, self._worklist(wire.Fetch.from_query(said)).to_json()
        if path == release.PACKAGE_PATH:
            return 200, {"package": base64.b64encode(self.package).decode()}
        if path == release.UPGRADE_PATH:
            self.outcomes.append(release.Outcome.from_query(said))
            self.upgrade = None
            return 200, {"code": 200}
        if path == wire.STATUS_PATH:
            return 200, Standing(online=bool(self._channels), cloned=self.cloned).to_json()
        if path == wire.DEREGISTER_PATH:
            self.known = False
            return 200, {"code": 200}
        assert path.startswith(wire.REPORT_PATH), path
        return self._reported(wire.Report.from_query(path.rpartition("/")[2], said, body))

    def _worklist(self, fetch: wire.Fetch) -> wire.Worklist:
        self.fetches.append(fetch)
        wanted = fetch.task_id
        testing, self.testing = self.testing, []
        return wire.Worklist(
            self.instance_id,
            run=tuple(t for i, t in self.open.items() if wanted in ("", i)),
            stop=tuple(i for i in self.stopping if wanted in ("", i)),
            test=tuple(testing),
            file=tuple(f for i, f in self.sending.items() if wanted in ("", i)),
            upgrade=self.upgrade,
        )

    def _reported(self, report: wire.Report) -> tuple[int, dict[str, Any]]:
        answer = self.acknowledge(report)
        self.reports.append(report)
        if isinstance(answer, int):
            return answer, {"code": answer, "reason": "busy", "message": "as the test wants"}
        if report.kind != wire.RUNNING:
            self.open.pop(report.task_id, None)
            self.sending.pop(report.task_id, None)
            self.stopping = [i for i in self.stopping if i != report.task_id]
        return 200, answer.to_json()


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], gateway: FakeGateway) -> None:
        self.gateway = gateway
        self._connections: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self.gateway.changed:
            self._connections.discard(request)
            self.gateway.changed.notify_all()
        super().shutdown_request(request)

    @property
    def connections(self) -> int:
        return len(self._connections)

    def cut_connections(self) -> None:
        for connection in list(self._connections):
            _cut(connection)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        path = urlsplit(self.path).path
        if path != wire.CHANNEL_PATH:
            self._answer(b"")
            return
        gateway = self.server.gateway
        if not gateway.channel_allowed or gateway.refusal("GET", path, "", headers, b""):
            self._send(403, b"{}")
            return
        self.close_connection = True
        gateway.serve_channel(self.connection, headers["sec-websocket-key"])

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers["content-length"])))

    def date_time_string(self, timestamp: float | None = None) -> str:
        moment = time.time() if timestamp is None else timestamp
        return formatdate(moment + self.server.gateway.clock_skew, usegmt=True)

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _answer(self, body: bytes) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        status, answer = self.server.gateway.answer(self.command, self.path, headers, body)
        self._send(status, json.dumps(answer).encode())

    def _send(self, status: int, content: bytes) -> None:
        head = f"HTTP/1.1 {status} x\r\nDate: {self.date_time_string()}\r\n"
        if self.server.gateway.chunked:
            middle = len(content) // 2
            head += "Transfer-Encoding: chunked\r\n\r\n"
            pieces = [content[:middle], content[middle:], b""]
            content = b"".join(b"%x;x=y\r\n%s\r\n" % (len(p), p) for p in pieces)
        else:
            head += f"Content-Length: {len(content)}\r\n\r\n"
        try:
            self.wfile.write(head.encode() + content)
        except OSError:
            self.close_connection = True  # the agent has been killed


def _cut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # it has ended by itself
