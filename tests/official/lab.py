"""A control plane on a real port, and machines with the published agent that speak to it; the
time of all of them is virtual, and passes in ``advance`` and ``until`` alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import httpx
from cryptography.hazmat.primitives.asymmetric import rsa

from cloudhand.control.settings import ControlSettings
from cloudhand.core.ids import InstanceId, InvokeId
from cloudhand.core.orders import NewActivation, ResultView
from cloudhand.gateway.channel import Channel
from cloudhand.gateway.http import GatewayApp
from cloudhand.gateway.office import Office
from cloudhand.wire import agent as wire
from tests.gateway.plane import listening
from tests.official.agent import Agent
from tests.official.host import Host, Manner
from tests.official.network import Network
from tests.world import World

LASTING = "echo begun\nexec sleep 1000\n"  # a script that does not end by itself
HELD = "echo begun; until [ -e go ]; do sleep 0.01; done"  # one that does when it is let go
_BOOT = timedelta(seconds=20)
_HOPS = 2  # of messages that nobody waits for, one because of the other


class Lab:
    """``async with Lab(tmp_path, key) as lab``"""

    def __init__(
        self, path: Path, key: rsa.RSAPrivateKey, settings: ControlSettings | None = None
    ) -> None:
        self.world = World(path, settings=settings)
        self.path = path
        self.hosts: list[Host] = []
        self._key = key
        self._lives: dict[int, tuple[Agent, asyncio.Task[None]]] = {}
        self._guards: list[asyncio.Task[None]] = []
        self._stack = AsyncExitStack()
        self._server = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self.world)
        # Without roots, which take longer to load than most tests.
        self._client = await self._stack.enter_async_context(
            httpx.AsyncClient(trust_env=False, verify=False, timeout=10)  # noqa: S501
        )
        self._wire = await self._stack.enter_async_context(_wire())
        await self._serve()
        return self

    async def __aexit__(self, *ended: object) -> None:
        for guard in self._guards:
            await _cancelled(guard)
        for host in self.hosts:
            await self.kill_agent(host)
            host.lose_power()
        await self._server.aclose()
        await self._stack.aclose()
        problems = [problem for host in self.hosts for problem in host.problems]
        assert ended[0] is not None or not problems, problems

    async def _serve(self) -> None:
        channel = Channel(self.world.control.agents)
        self.world.control.pokes.on_kick(channel.kick)
        self.world.control.pokes.on_part(channel.part)
        await self._server.enter_async_context(_running(channel))
        app = GatewayApp(Office(self.world.control, channel))
        port = await self._server.enter_async_context(listening(app))
        self.url = f"http://127.0.0.1:{port}"
        for host in self.hosts:
            host.network.url = self.url

    async def restart(self, *, after: float) -> None:
        """The control plane is away for so many seconds."""
        for host in self.hosts:
            host.network.down = True
        await self._server.aclose()
        self._server = AsyncExitStack()
        await self._cut()
        await self.advance(seconds=after)
        await self.world.restart()
        await self._serve()
        for host in self.hosts:
            host.network.down = False

    async def _cut(self) -> None:
        """Every agent has seen that its channel ended, which takes real time: virtual time that
        passes before is not spent on opening it anew."""
        async with asyncio.timeout(30):
            while any(agent.socket is not None for agent, _ in self._lives.values()):
                await asyncio.sleep(0)

    async def join(self, manner: Manner | None = None, *, machine_id: str = "machine-1") -> Host:
        """A machine with an agent that has registered, started and come online."""
        host = Host(
            network=Network(self._client, self.url, self.world.machines),
            clock=self.world.clock,
            folder=self.path / f"host-{len(self.hosts)}",
            key=self._key,
            machine_id=machine_id,
            manner=manner or Manner(),
        )
        host.folder.mkdir()
        self.hosts.append(host)
        made, code = await self.world.control.activations.create(NewActivation())
        answer = await self._client.post(
            self.url + wire.REGISTER_PATH, json=host.registration(made.id, code)
        )
        said = answer.json()
        assert said["code"] == 200 and type(said["code"]) is int, said
        host.instance_id = said["instanceId"]
        host.booted_at = self.world.clock.now() - timedelta(minutes=10)
        self._guards.append(asyncio.create_task(self._guard(host)))
        await self.start_agent(host)
        return host

    async def _guard(self, host: Host) -> None:
        """Take its power as it asks, and give it back after a restart."""
        while True:
            await host.going_down.wait()
            await self.lose_power(host)
            if host.asked_for[-1] == "restart":
                await host.clock.sleep_until(host.clock.now() + _BOOT)
                await self.boot(host)
            host.going_down.clear()

    async def start_agent(self, host: Host) -> Agent:
        agent = Agent(host)
        self._lives[id(host)] = agent, asyncio.create_task(agent.live())
        await self.settle()
        return agent

    async def kill_agent(self, host: Host) -> None:
        """What it runs goes on, and nobody watches it."""
        if id(host) in self._lives:
            _, life = self._lives.pop(id(host))
            await _cancelled(life)

    async def lose_power(self, host: Host) -> None:
        await self.kill_agent(host)
        host.lose_power()

    async def boot(self, host: Host) -> None:
        host.boot()
        self._lives[id(host)] = (agent := Agent(host)), asyncio.create_task(agent.live())

    def agent(self, host: Host) -> Agent:
        return self._lives[id(host)][0]

    async def run(self, *hosts: Host, script: str = "echo helloworld", **order: Any) -> InvokeId:
        ids = [InstanceId(host.instance_id) for host in hosts]
        return await self.world.run(*ids, script=script, **order)

    async def result(self, invoke_id: InvokeId) -> ResultView:
        return await self.world.result(invoke_id)

    async def told(self, invoke_id: InvokeId) -> tuple[str, str]:
        """The state and the code of an error, as the API tells them."""
        target = (await self.result(invoke_id)).target
        return target.state.value, target.error_code

    async def ended(self, invoke_id: InvokeId, *, at_most: float = 300) -> ResultView:
        await self.until(lambda: self.world.ended(invoke_id), at_most=at_most)
        return await self.result(invoke_id)

    async def is_in(self, invoke_id: InvokeId, state: str) -> None:
        await self.until(lambda: self._in(invoke_id, state))

    async def _in(self, invoke_id: InvokeId, state: str) -> bool:
        return (await self.told(invoke_id))[0] == state

    async def settle(self) -> None:
        """Until nobody is at work any more, and what the control plane has sent has come."""
        async with asyncio.timeout(30):
            for _ in range(_HOPS):
                await self.world.settle()
                await self._echo()
            await self.world.settle()

    async def _echo(self) -> None:
        """A busy kernel may take a moment to hand on what is sent over loopback: this comes
        behind it."""
        reader, writer = self._wire
        writer.write(b".")
        await reader.readexactly(1)

    async def advance(self, **span: float) -> None:
        clock = self.world.clock
        end = clock.now() + timedelta(**span)
        await self.settle()
        while clock.now() < end:
            due = clock.next_moment
            clock.move_to(min(due, end) if due is not None else end)
            await self.settle()

    async def until(
        self, holds: Callable[[], Awaitable[object] | object], *, at_most: float = 300
    ) -> None:
        clock = self.world.clock
        end = clock.now() + timedelta(seconds=at_most)
        while True:
            await self.settle()
            answer = holds()
            if isinstance(answer, Awaitable):
                answer = await answer
            if answer:
                return
            assert clock.now() < end, f"not within {at_most} s of virtual time"
            due = clock.next_moment
            clock.move_to(min(due, end) if due is not None else end)


@asynccontextmanager
async def _running(channel: Channel) -> AsyncIterator[None]:
    kicks = asyncio.create_task(channel.run())
    try:
        yield
    finally:
        await _cancelled(kicks)


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def _wire() -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection over loopback on which everything comes back."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer):
            while said := await reader.read(1):
                writer.write(said)

    async with await asyncio.start_server(echo, "127.0.0.1", 0) as server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        with closing(writer):
            yield reader, writer
