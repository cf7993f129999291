"""The gateway over real HTTP and WebSockets, in front of a world; and those who knock at it."""

from __future__ import annotations

import asyncio
import base64
import itertools
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlencode

import httpx
import uvicorn
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from websockets.asyncio.client import ClientConnection, connect

from cloudhand.control.settings import ControlSettings
from cloudhand.core.ids import InstanceId, InvokeId
from cloudhand.core.orders import NewActivation, ResultView
from cloudhand.gateway.channel import Channel
from cloudhand.gateway.http import GatewayApp
from cloudhand.gateway.office import Office
from cloudhand.server.main import web_config
from cloudhand.wire import agent as wire
from cloudhand.wire.signature import sign_agent
from tests.world import World

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_numbers = itertools.count(1)


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is signed of a request."""

    method: str
    path: str
    query: str
    body: bytes
    timestamp: str
    request_id: str


class Signer(Protocol):
    def __call__(self, instance_id: str, request: Request) -> dict[str, str]: ...


@dataclass(frozen=True, kw_only=True)
class OurSigner:
    key: bytes
    boot_id: str

    def __call__(self, instance_id: str, request: Request) -> dict[str, str]:
        mark = sign_agent(
            self.key,
            method=request.method,
            path=request.path,
            query=request.query,
            body=request.body,
            instance_id=instance_id,
            timestamp=request.timestamp,
            request_id=request.request_id,
            boot_id=self.boot_id,
        )
        return {wire.HMAC_SIGNATURE_HEADER: mark, wire.BOOT_HEADER: self.boot_id}


@dataclass(frozen=True, kw_only=True)
class PublishedSigner:
    key: rsa.RSAPrivateKey
    machine_id: str

    def __call__(self, instance_id: str, request: Request) -> dict[str, str]:
        text = instance_id + self.machine_id + request.timestamp + request.request_id
        mark = self.key.sign(text.encode(), padding.PKCS1v15(), hashes.MD5())
        return {"X-Acs-Signature": base64.b64encode(mark).decode()}


@dataclass(kw_only=True)
class Visitor:
    """Somebody with an identity, who can ask for anything."""

    plane: Plane
    instance_id: str
    signer: Signer
    version: str = "2.2.3.578"
    sent: list[Request] = field(default_factory=list)

    def signed(
        self, method: str, path: str, query: str, body: bytes, *, late: float = 0.0
    ) -> dict[str, str]:
        """Headers for a request that is made ``late`` seconds after the world's present."""
        at = self.plane.world.clock.now() + timedelta(seconds=late)
        request = Request(
            method=method,
            path=path,
            query=query,
            body=body,
            timestamp=str((at - _EPOCH) // timedelta(milliseconds=1)),
            request_id=f"request-{next(_numbers)}",
        )
        self.sent.append(request)
        return {
            "User-Agent": f"linux_amd64/{self.version}",
            "X-Acs-Instance-Id": self.instance_id,
            "X-Acs-Timestamp": request.timestamp,
            "X-Acs-Request-Id": request.request_id,
            **self.signer(self.instance_id, request),
        }

    async def ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, object] | str = "",
        body: bytes = b"",
        *,
        late: float = 0.0,
    ) -> httpx.Response:
        text = query if isinstance(query, str) else urlencode(query)
        headers = self.signed(method, path, text, body, late=late)
        return await self.plane.send(method, path, text, body, headers)

    async def beat(self, **changes: object) -> httpx.Response:
        query = {
            "uptime": 60_000,
            "timestamp": 0,
            "pid": 7,
            "process_uptime": 1_000,
            "index": 0,
            "seq_no": 0,
        }
        return await self.ask("GET", wire.HEARTBEAT_PATH, {**query, **changes})

    async def fetch(self, **query: object) -> Any:
        answer = await self.ask("POST", wire.TASK_LIST_PATH, {"reason": "kickoff", **query})
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def report(
        self, kind: str, task_id: str, output: bytes = b"", **query: object
    ) -> httpx.Response:
        said = {"taskId": task_id, "invokeVersion": 0, **query}
        return await self.ask("POST", wire.REPORT_PATH + kind, said, output)

    async def say(self, kind: str, task_id: str, output: bytes = b"", **query: object) -> Any:
        """A report that is acknowledged."""
        answer = await self.report(kind, task_id, output, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    @asynccontextmanager
    async def channel(self, **more: str) -> AsyncIterator[ClientConnection]:
        """The kick channel, as the published agent opens it, or with more headers."""
        headers = self.signed("GET", wire.CHANNEL_PATH, "", b"") | more
        agent = headers.pop("User-Agent")
        uri = f"ws://127.0.0.1:{self.plane.port}{wire.CHANNEL_PATH}"
        async with connect(
            uri,
            additional_headers=headers,
            user_agent_header=agent,
            compression=None,
            proxy=None,
            max_queue=None,
        ) as opened:
            # The handshake is answered before the channel knows of it.
            await opened.send("accept:nothing")
            await opened.ping()
            yield opened


@dataclass(kw_only=True)
class Plane:
    world: World
    channel: Channel
    port: int
    client: httpx.AsyncClient

    async def send(
        self, method: str, path: str, query: str, body: bytes, headers: Mapping[str, str]
    ) -> httpx.Response:
        url = httpx.URL(f"http://127.0.0.1:{self.port}").copy_with(
            raw_path=f"{path}?{query}".encode("latin-1")
        )
        return await self.client.request(
            method,
            url,
            content=body,
            headers={
                name.encode("ascii"): value.encode("latin-1") for name, value in headers.items()
            },
        )

    async def activation(self, **order: Any) -> tuple[str, str]:
        made, code = await self.world.control.activations.create(NewActivation(**order))
        return made.id, code

    async def register(self, **said: object) -> httpx.Response:
        body = {
            "activationId": "",
            "activationCode": "",
            "machineId": "machine-1",
            "regionId": "cn-hangzhou",
            "instanceName": "",
            "hostname": "web-1",
            "intranetIp": "10.1.2.3",
            "osVersion": "Linux_#1 SMP_x86_64",
            "osType": "linux",
            "agentVersion": "2.2.3.578",
            "publicKey": "",
            "tag": [],
            **said,
        }
        url = f"http://127.0.0.1:{self.port}{wire.REGISTER_PATH}"
        return await self.client.post(url, json=body)

    async def ours(self, *, boot_id: str = "boot-1", **said: object) -> Visitor:
        """One of our agents, registered."""
        activation_id, code = await self.activation()
        answer = await self.register(activationId=activation_id, activationCode=code, **said)
        assert answer.status_code == 200, answer.text
        joined = wire.Registered.from_json(answer.json())
        signer = OurSigner(key=joined.key, boot_id=boot_id)
        return Visitor(
            plane=self,
            instance_id=joined.instance_id,
            signer=signer,
            version=wire.COMPATIBLE_VERSION,
        )

    async def published(
        self, key: rsa.RSAPrivateKey, *, version: str = "2.2.3.578", machine_id: str = "machine-1"
    ) -> Visitor:
        """A published agent, registered with a key of its own."""
        activation_id, code = await self.activation()
        answer = await self.register(
            activationId=activation_id,
            activationCode=code,
            machineId=machine_id,
            agentVersion=version,
            publicKey=pem_text(key),
        )
        assert answer.json().keys() == {"code", "instanceId"}
        return Visitor(
            plane=self,
            instance_id=answer.json()["instanceId"],
            signer=PublishedSigner(key=key, machine_id=machine_id),
            version=version,
        )

    async def run(
        self, *visitors: Visitor, script: str = "echo helloworld", **order: object
    ) -> InvokeId:
        ids = [InstanceId(visitor.instance_id) for visitor in visitors]
        return await self.world.run(*ids, script=script, **order)

    async def result(self, invoke_id: InvokeId) -> ResultView:
        return await self.world.result(invoke_id)

    async def until(self, holds: Callable[[], object]) -> None:
        """For what arrives over a socket."""
        async with asyncio.timeout(10):
            while True:
                answer = holds()
                if isinstance(answer, Awaitable):
                    answer = await answer
                if answer:
                    return
                await asyncio.sleep(0)


def pem_text(key: rsa.RSAPrivateKey) -> str:
    pem = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return base64.b64encode(pem).decode()


@asynccontextmanager
async def gateway(path: Path, settings: ControlSettings | None = None) -> AsyncIterator[Plane]:
    async with World(path, settings=settings) as world:
        channel = Channel(world.control.agents)
        world.control.pokes.on_kick(channel.kick)
        world.control.pokes.on_part(channel.part)
        world.control.pokes.on_cut(channel.cut)
        kicks = asyncio.create_task(channel.run())
        try:
            async with (
                listening(GatewayApp(Office(world.control, channel))) as port,
                # Without roots, which take longer to load than most tests.
                httpx.AsyncClient(trust_env=False, verify=False, timeout=10) as client,  # noqa: S501
            ):
                yield Plane(world=world, channel=channel, port=port, client=client)
        finally:
            kicks.cancel()
            await asyncio.gather(kicks, return_exceptions=True)


@asynccontextmanager
async def listening(app: GatewayApp) -> AsyncIterator[int]:
    """The web server as the control plane runs it, on a free port of the loopback interface."""
    config = web_config(app, None)
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        await server.startup(sockets=[listener])
        await server.on_tick(0)  # which makes the headers of every answer
        try:
            yield int(listener.getsockname()[1])
        finally:
            await _ended(server)


async def _ended(server: uvicorn.Server) -> None:
    """As ``shutdown``, without its pause."""
    for listening in server.servers:
        listening.close()
    for connection in list(server.server_state.connections):
        connection.shutdown()
    async with asyncio.timeout(10):
        while server.server_state.connections or server.server_state.tasks:
            await asyncio.sleep(0)
