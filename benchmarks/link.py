"""The wire of a simulated agent: signed requests over HTTP, and over its channel once that is open.

Written by hand and not by the agent's own client, which has a thread for each thing that waits.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import ssl
import time
import uuid
from enum import IntEnum
from typing import Any
from urllib.parse import urlencode, urlsplit

import cloudhand
from cloudhand.wire import agent as wire
from cloudhand.wire import enclosed
from cloudhand.wire.signature import sign_agent

_ANSWER_WITHIN = 10.0  # seconds, as the real agent waits
_IDLE_KEPT = 2  # connections, as the real agent keeps
_TWO_BYTES = 126  # a length of a frame that says: the length is in the next two bytes


class Refused(Exception):
    """The control plane answered, with another status than 200."""

    def __init__(self, path: str, status: int, content: bytes) -> None:
        super().__init__(f"{path} was answered {status}: {content.decode()}")
        self.status = status


class Opcode(IntEnum):
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


class Connection:
    """One HTTP or WebSocket connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def answer(self) -> tuple[int, dict[str, str]]:
        """Status and headers."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in head[1:] if line)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        return int(head[0].split(" ")[1]), headers

    async def frame(self) -> tuple[int, bytes]:
        """Opcode and payload of a frame of less than 64 KiB."""
        first, length = await self.reader.readexactly(2)
        if length == _TWO_BYTES:
            length = int.from_bytes(await self.reader.readexactly(2), "big")
        return first & 0x0F, await self.reader.readexactly(length)

    def send_frame(self, opcode: int, payload: bytes) -> None:
        if len(payload) < _TWO_BYTES:
            length = bytes((0x80 | len(payload),))
        else:
            length = bytes((0x80 | _TWO_BYTES,)) + len(payload).to_bytes(2, "big")
        # A mask of zeros, which leaves the payload as it is.
        self.writer.write(bytes((0x80 | opcode,)) + length + bytes(4) + payload)


class Server:
    """Where the control plane is, and how often somebody came to it."""

    def __init__(self, url: str, ca: str) -> None:
        parts = urlsplit(url)
        self.name = parts.netloc
        self.connections = 0
        self.failures = 0  # attempts to connect, of which nothing came
        self._host, self._port = parts.hostname, parts.port
        self._tls = ssl.create_default_context(cafile=ca) if ca else None

    async def connect(self, source: str = "") -> Connection:
        """From an address of its own, if ``source`` is one; OSError."""
        try:
            async with asyncio.timeout(_ANSWER_WITHIN):
                opened = await asyncio.open_connection(
                    self._host,
                    self._port,
                    ssl=self._tls,
                    limit=2**20,
                    local_addr=(source, 0) if source else None,
                )
        except OSError:
            self.failures += 1
            raise
        self.connections += 1
        return Connection(*opened)


class Link:
    """Of one agent. What cannot be asked is an OSError, what is not granted is Refused."""

    def __init__(self, server: Server, source: str = "") -> None:
        self.instance_id = ""
        self.key = b""
        self.boot_id = str(uuid.uuid4())
        self.requests = 0
        self._server = server
        self._source = source
        self._idle: list[Connection] = []
        self._over: Connection | None = None  # the channel, once it is open
        self._answers: dict[str, asyncio.Future[tuple[int, bytes]]] = {}

    async def ask(
        self, method: str, path: str, query: dict[str, str], body: bytes = b""
    ) -> dict[str, Any]:
        text = urlencode(query)
        try:
            async with asyncio.timeout(_ANSWER_WITHIN):
                if self._over is not None:
                    status, content = await self._ask_over(self._over, method, path, text, body)
                else:
                    status, content = await self._ask_by_http(method, path, text, body)
        except (EOFError, TimeoutError) as error:
            raise ConnectionResetError(f"{path} was not answered") from error
        self.requests += 1
        if status != 200:
            raise Refused(path, status, content)
        answer: dict[str, Any] = json.loads(content)
        return answer

    async def _ask_by_http(
        self, method: str, path: str, query: str, body: bytes
    ) -> tuple[int, bytes]:
        while True:
            kept = bool(self._idle)
            connection = self._idle.pop() if kept else await self._server.connect(self._source)
            try:
                connection.writer.write(self._request(method, path, query, body))
                status, headers = await connection.answer()
                content = await connection.reader.readexactly(int(headers["content-length"]))
            except (OSError, EOFError):
                connection.writer.close()
                if kept:  # the server may have closed it while it was idle
                    continue
                raise
            except asyncio.CancelledError:
                connection.writer.close()
                raise
            if self._over is None and len(self._idle) < _IDLE_KEPT:
                self._idle.append(connection)
            else:
                connection.writer.close()
            return status, content

    async def _ask_over(
        self, channel: Connection, method: str, path: str, query: str, body: bytes
    ) -> tuple[int, bytes]:
        signed = self._signed(method, path, query, body)
        target = f"{path}?{query}" if query else path
        answer = asyncio.get_running_loop().create_future()
        self._answers[signed[wire.REQUEST_HEADER]] = answer
        request = enclosed.Request(method, target, signed, body)
        try:
            channel.send_frame(Opcode.BINARY, request.to_bytes())
            answered: tuple[int, bytes] = await answer
            return answered
        finally:
            self._answers.pop(signed[wire.REQUEST_HEADER], None)

    def answered(self, payload: bytes) -> None:
        """What came over the channel, as an answer to what was asked over it."""
        request_id, status, body = enclosed.answer_from_bytes(payload)
        waiting = self._answers.pop(request_id, None)
        if waiting is not None and not waiting.done():
            waiting.set_result((status, body))

    async def open_channel(self) -> Connection:
        """By which everything is asked from then on."""
        connection = await self._server.connect(self._source)
        headers = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
            "Sec-WebSocket-Version": "13",
        }
        try:
            async with asyncio.timeout(_ANSWER_WITHIN):
                connection.writer.write(self._request("GET", wire.CHANNEL_PATH, "", b"", headers))
                status, headers_of_answer = await connection.answer()
        except (OSError, EOFError) as error:  # a timeout among them
            connection.writer.close()
            raise ConnectionResetError("the channel was not answered") from error
        if status != 101 or enclosed.HEADER not in headers_of_answer:
            connection.writer.close()
            raise Refused(wire.CHANNEL_PATH, status, b"")
        connection.send_frame(Opcode.PING, b"keepalive")
        self._over = connection
        self._hang_up()
        return connection

    def lost(self) -> None:
        """The channel has ended, and with it whatever was asked over it."""
        channel, self._over = self._over, None
        if channel is not None:
            channel.writer.transport.abort()
        answers, self._answers = self._answers, {}
        for waiting in answers.values():
            if not waiting.done():
                waiting.set_exception(ConnectionResetError("the channel ended"))

    def cut(self) -> None:
        """Whatever is open ends without a word, as where a cable is drawn."""
        self.lost()
        self._hang_up()

    def _hang_up(self) -> None:
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.writer.close()

    def _request(
        self, method: str, path: str, query: str, body: bytes, extra: dict[str, str] | None = None
    ) -> bytes:
        headers = {
            "Host": self._server.name,
            "User-Agent": f"linux_amd64/{wire.COMPATIBLE_VERSION}",
            wire.EXTENSIONS_HEADER: cloudhand.__version__,
            **(extra or {"Content-Length": str(len(body))}),
        }
        if self.key:
            headers[wire.INSTANCE_HEADER] = self.instance_id
            headers |= self._signed(method, path, query, body)
        target = f"{path}?{query}" if query else path
        lines = [f"{method} {target} HTTP/1.1", *(f"{n}: {v}" for n, v in headers.items()), "", ""]
        return "\r\n".join(lines).encode("latin-1") + body

    def _signed(self, method: str, path: str, query: str, body: bytes) -> dict[str, str]:
        timestamp, request_id = str(int(time.time() * 1000)), os.urandom(16).hex()
        signature = sign_agent(
            self.key,
            method=method,
            path=path,
            query=query,
            body=body,
            instance_id=self.instance_id,
            timestamp=timestamp,
            request_id=request_id,
            boot_id=self.boot_id,
        )
        return {
            wire.TIMESTAMP_HEADER: timestamp,
            wire.REQUEST_HEADER: request_id,
            wire.BOOT_HEADER: self.boot_id,
            wire.HMAC_SIGNATURE_HEADER: signature,
        }


async def register(link: Link, activation: str, code: str) -> None:
    """Let a machine of its own join, and its link speak as it."""
    machine = uuid.uuid4().hex
    said = wire.Registration(
        activation_id=activation,
        activation_code=code,
        machine_id=machine,
        region_id="",
        hostname=f"host-{machine[:12]}",
        os_version="Linux_simulated_x86_64",
        agent_version=wire.COMPATIBLE_VERSION,
    )
    body = json.dumps(said.to_json()).encode()
    registered = wire.Registered.from_json(await link.ask("POST", wire.REGISTER_PATH, {}, body))
    link.instance_id, link.key = registered.instance_id, registered.key
