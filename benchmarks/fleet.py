"""Simulated agents: they speak the agent protocol truly, and run nothing.

Each joins with an activation, signs every request, beats, says its inventory, opens a channel,
over which it asks from then on, and for each kick fetches its work and reports that it ended. As
the real agent does for a script that is soon over, it sends one report for each task. Orders come
as lines of JSON, and so do the answers.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import resource
import ssl
import sys
import time
import uuid
from enum import IntEnum
from typing import Any
from urllib.parse import urlencode, urlsplit

import uvloop

import cloudhand
from cloudhand.wire import agent as wire
from cloudhand.wire import enclosed
from cloudhand.wire.signature import sign_agent

_JOINING_AT_ONCE = 50
_OUTPUT = b"helloworld\n"
_TWO_BYTES = 126  # a length of a frame that says: the length is in the next two bytes


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
    def __init__(self, url: str, ca: str) -> None:
        parts = urlsplit(url)
        self.name = parts.netloc
        self._host, self._port = parts.hostname, parts.port
        self._tls = ssl.create_default_context(cafile=ca) if ca else None

    async def connect(self) -> Connection:
        return Connection(
            *await asyncio.open_connection(self._host, self._port, ssl=self._tls, limit=2**20)
        )


class Total:
    """What all agents have done."""

    def __init__(self) -> None:
        self.acknowledged = self.requests = self.kicks = 0
        self.changed = asyncio.Event()

    def done(self) -> None:
        self.acknowledged += 1
        self.changed.set()

    async def reaches(self, acknowledged: int) -> dict[str, int]:
        while self.acknowledged < acknowledged:
            self.changed.clear()
            await self.changed.wait()
        names = ("acknowledged", "requests", "kicks")
        return {name: getattr(self, name) for name in names}


class Agent:
    def __init__(self, server: Server, total: Total) -> None:
        self.instance_id = ""
        self._key = b""
        self._boot_id = str(uuid.uuid4())
        self._server = server
        self._total = total
        self._http: Connection | None = None
        self._asking = asyncio.Lock()
        self._over: Connection | None = None  # the channel, once it is open
        self._answers: dict[str, asyncio.Future[tuple[int, bytes]]] = {}
        self._beats = 0
        self._started = time.monotonic()

    async def join(self, activation: str, code: str) -> Connection:
        """Until it is online; its open channel."""
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
        registered = wire.Registered.from_json(
            await self._ask("POST", wire.REGISTER_PATH, {}, body)
        )
        self.instance_id, self._key = registered.instance_id, registered.key
        await self.beat()
        inventory = wire.Inventory(boot_id=self._boot_id)
        await self._ask("POST", wire.INVENTORY_PATH, {}, json.dumps(inventory.to_json()).encode())
        await self._fetch(wire.Fetch(reason="startup", cold_start=True))
        return await self._channel()

    async def beat(self) -> None:
        heartbeat = wire.Heartbeat(
            uptime=int(time.monotonic() * 1000),
            timestamp=int(time.time() * 1000),
            pid=1,
            process_uptime=int((time.monotonic() - self._started) * 1000),
            index=self._beats,
            seq_no=self._beats,
            cold_start=self._beats == 0,
        )
        self._beats += 1
        answer = await self._ask("GET", wire.HEARTBEAT_PATH, heartbeat.to_query())
        loop = asyncio.get_running_loop()
        loop.call_later(answer["nextInterval"] / 1000, _task, self.beat())

    async def listen(self, channel: Connection) -> None:
        while True:
            opcode, payload = await channel.frame()
            match opcode:
                case Opcode.BINARY:
                    request_id, status, body = enclosed.answer_from_bytes(payload)
                    self._answers.pop(request_id).set_result((status, body))
                case Opcode.TEXT:
                    self._total.kicks += 1
                    _task(self._kicked(payload.decode(), channel))
                case Opcode.PING:
                    channel.send_frame(Opcode.PONG, payload)
                case Opcode.CLOSE:
                    raise ConnectionResetError("the control plane closed a channel")

    async def _kicked(self, message: str, channel: Connection) -> None:
        words = message.split(" ")
        await self._fetch(wire.Fetch(reason="kickoff", task_id=words[3] if words[1:] else ""))
        channel.send_frame(Opcode.TEXT, f"accept:{message}".encode())

    async def _fetch(self, fetch: wire.Fetch) -> None:
        answer = await self._ask("POST", wire.TASK_LIST_PATH, fetch.to_query())
        for task in wire.Worklist.from_json(answer).run:
            _task(self._perform(task))

    async def _perform(self, task: wire.Task) -> None:
        now = int(time.time() * 1000)
        report = wire.Report(
            kind=wire.FINISH, task_id=task.task_id, output=_OUTPUT, start=now, end=now, offset=0
        )
        await self._ask("POST", wire.REPORT_PATH + report.kind, report.to_query(), _OUTPUT)
        self._total.done()

    async def _ask(
        self, method: str, path: str, query: dict[str, str], body: bytes = b""
    ) -> dict[str, Any]:
        text = urlencode(query)
        if self._over is not None:
            status, content = await self._ask_over(self._over, method, path, text, body)
        else:
            status, content = await self._ask_by_http(method, path, text, body)
        self._total.requests += 1
        if status != 200:
            raise RuntimeError(f"{path} was answered {status}: {content.decode()}")
        answer: dict[str, Any] = json.loads(content)
        return answer

    async def _ask_by_http(
        self, method: str, path: str, query: str, body: bytes
    ) -> tuple[int, bytes]:
        async with self._asking:
            if self._http is None:
                self._http = await self._server.connect()
            connection = self._http
            connection.writer.write(self._request(method, path, query, body))
            status, headers = await connection.answer()
            return status, await connection.reader.readexactly(int(headers["content-length"]))

    async def _ask_over(
        self, channel: Connection, method: str, path: str, query: str, body: bytes
    ) -> tuple[int, bytes]:
        signed = self._signed(method, path, query, body)
        target = f"{path}?{query}" if query else path
        answer = asyncio.get_running_loop().create_future()
        self._answers[signed[wire.REQUEST_HEADER]] = answer
        request = enclosed.Request(method, target, signed, body)
        channel.send_frame(Opcode.BINARY, request.to_bytes())
        answered: tuple[int, bytes] = await answer
        return answered

    async def _channel(self) -> Connection:
        connection = await self._server.connect()
        headers = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
            "Sec-WebSocket-Version": "13",
        }
        connection.writer.write(self._request("GET", wire.CHANNEL_PATH, "", b"", headers))
        status, headers_of_answer = await connection.answer()
        if status != 101 or enclosed.HEADER not in headers_of_answer:
            raise RuntimeError(f"the channel was answered {status}")
        connection.send_frame(Opcode.PING, b"keepalive")
        self._over = connection
        if self._http is not None:
            self._http.writer.close()
            self._http = None
        return connection

    def _request(
        self, method: str, path: str, query: str, body: bytes, extra: dict[str, str] | None = None
    ) -> bytes:
        headers = {
            "Host": self._server.name,
            "User-Agent": f"linux_amd64/{wire.COMPATIBLE_VERSION}",
            wire.EXTENSIONS_HEADER: cloudhand.__version__,
            **(extra or {"Content-Length": str(len(body))}),
        }
        if self._key:
            headers[wire.INSTANCE_HEADER] = self.instance_id
            headers |= self._signed(method, path, query, body)
        target = f"{path}?{query}" if query else path
        lines = [f"{method} {target} HTTP/1.1", *(f"{n}: {v}" for n, v in headers.items()), "", ""]
        return "\r\n".join(lines).encode("latin-1") + body

    def _signed(self, method: str, path: str, query: str, body: bytes) -> dict[str, str]:
        timestamp, request_id = str(int(time.time() * 1000)), os.urandom(16).hex()
        signature = sign_agent(
            self._key,
            method=method,
            path=path,
            query=query,
            body=body,
            instance_id=self.instance_id,
            timestamp=timestamp,
            request_id=request_id,
            boot_id=self._boot_id,
        )
        return {
            wire.TIMESTAMP_HEADER: timestamp,
            wire.REQUEST_HEADER: request_id,
            wire.BOOT_HEADER: self._boot_id,
            wire.HMAC_SIGNATURE_HEADER: signature,
        }


_running: set[asyncio.Task[None]] = set()


def _task(work: Any) -> None:
    """Begin something; if it fails, so does the whole, for no figure may hide that."""
    task = asyncio.get_running_loop().create_task(work)
    _running.add(task)
    task.add_done_callback(_ended)


def _ended(task: asyncio.Task[None]) -> None:
    _running.discard(task)
    if not task.cancelled() and task.exception() is not None:
        print(f"a simulated agent failed: {task.exception()!r}", file=sys.stderr, flush=True)
        os._exit(1)


async def _serve(server: Server) -> None:
    total = Total()
    orders = asyncio.StreamReader(limit=2**20)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(orders), sys.stdin
    )
    while line := await orders.readline():
        match json.loads(line):
            case {"join": activations}:
                answer: Any = await _join(server, total, activations)
            case {"until": acknowledged}:
                answer = await total.reaches(acknowledged)
        print(json.dumps(answer), flush=True)


async def _join(server: Server, total: Total, activations: list[tuple[str, str, int]]) -> list[str]:
    places = asyncio.Semaphore(_JOINING_AT_ONCE)

    async def one(activation: str, code: str) -> str:
        async with places:
            agent = Agent(server, total)
            _task(agent.listen(await agent.join(activation, code)))
            return agent.instance_id

    wanted = [one(id_, code) for id_, code, count in activations for _ in range(count)]
    return await asyncio.gather(*wanted)


def main() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    url, ca = sys.argv[1:]
    uvloop.run(_serve(Server(url, ca)))


if __name__ == "__main__":
    main()
