"""A control plane over real HTTP, for clients that block: it lives in a thread of its own."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import uvicorn

from cloudhand.api.http import app
from cloudhand.control.settings import ControlSettings
from cloudhand.core.account import AccessKey
from cloudhand.core.ids import ActivationId, InstanceId
from cloudhand.server.main import web_config
from cloudhand.wire.agent import Registration
from tests.stillness import StillLoop
from tests.world import World

Answer = TypeVar("Answer")

KEY = AccessKey(id="LTAI-test", secret="test-secret", account_id="1000000000000001")
INACTIVE = AccessKey(id="LTAI-off", secret="off", account_id="1000000000000001", active=False)
REGION = "cn-hangzhou"


class Cloud:
    """What a test can do: send requests to ``endpoint``, and play the world behind it."""

    def __init__(self, world: World, loop: asyncio.AbstractEventLoop, port: int) -> None:
        self.world = world
        self._loop = loop
        self.port = port
        self.endpoint = f"127.0.0.1:{port}"

    def do(self, work: Callable[[World], Awaitable[Answer]]) -> Answer:
        """Run a coroutine function on the world, in the world's thread."""

        async def run() -> Answer:
            return await work(self.world)

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(timeout=30)

    def instances(self, count: int = 1, **order: object) -> list[InstanceId]:
        return self.do(lambda world: world.instances(count, **order))

    def join(self, activation_id: str, activation_code: str, *, os_type: str = "linux") -> str:
        """The id of a machine from outside that registers with the activation."""
        machine = Registration(
            activation_id=activation_id,
            activation_code=activation_code,
            region_id=REGION,
            machine_id="machine-1",
            hostname="outside",
            os_type=os_type,
            os_version="Debian 12",
            agent_version="2.2.3.1065",
            intranet_ip="10.0.0.7",
        )

        async def register(world: World) -> str:
            control = await world.tenancy.of_activation(ActivationId(activation_id))
            told = await control.agents.register(machine, address="192.0.2.1", public_key=b"")
            return told.instance_id

        return self.do(register)

    def advance(self, **span: float) -> None:
        self.do(lambda world: world.advance(**span))

    def to_the_present(self) -> None:
        """Clients sign with the real time, so the world's must not be far from it."""

        async def move(world: World) -> None:
            world.clock.move_to(datetime.now(UTC))

        self.do(move)


@contextmanager
def cloud(path: Path, settings: ControlSettings | None = None) -> Iterator[Cloud]:
    ready: Future[Cloud] = Future()
    stop: Future[Callable[[], object]] = Future()

    def serve() -> None:
        with asyncio.Runner(loop_factory=StillLoop) as runner:
            runner.run(_serve(path, settings, ready, stop))

    thread = threading.Thread(target=serve, name="cloud")
    thread.start()
    try:
        yield ready.result(timeout=30)
    finally:
        if stop.done():
            stop.result()()
        thread.join(timeout=30)
        assert not thread.is_alive()


async def _serve(
    path: Path,
    settings: ControlSettings | None,
    ready: Future[Cloud],
    stop: Future[Callable[[], object]],
) -> None:
    loop = asyncio.get_running_loop()
    done = asyncio.Event()
    stop.set_result(lambda: loop.call_soon_threadsafe(done.set))
    try:
        async with World(path, settings=settings) as world:
            world.clock.move_to(datetime.now(UTC))
            # Its children are shared by the tests as everything else here is.
            await asyncio.gather(*(world.programs.compiles(".") for _ in range(2)))
            for key in (KEY, INACTIVE):
                await world.control.accounts.add(key)
            async with _listening(world) as port:
                ready.set_result(Cloud(world, loop, port))
                await done.wait()
    except BaseException as error:
        if not ready.done():
            ready.set_exception(error)
        raise


@asynccontextmanager
async def _listening(world: World) -> AsyncIterator[int]:
    """The web server, on a free port of the loopback interface."""
    config = web_config(app(world.tenancy), None)
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        await server.startup(sockets=[listener])
        try:
            yield int(listener.getsockname()[1])
        finally:
            await server.shutdown(sockets=[listener])
