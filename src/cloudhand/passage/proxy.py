"""The proxy of one run: a thread with an event loop, listening on a free loopback port."""

from __future__ import annotations

import asyncio
import base64
import logging
import secrets
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from cloudhand.passage.authority import Authority
from cloudhand.passage.connection import Connection, Rules
from cloudhand.passage.message import HEAD_LIMIT
from cloudhand.passage.reach import Destination, Wire
from cloudhand.passage.upstream import Inherited

_log = logging.getLogger(__name__)
_USER = "cloudhand"


@dataclass(frozen=True, kw_only=True)
class _Running:
    port: int
    loop: asyncio.AbstractEventLoop
    stop: asyncio.Event


@contextmanager
def open_proxy(
    destination: Destination, authority: Authority, inherited: Inherited
) -> Iterator[str]:
    """Yield the proxy's address with its password; every connection ends with the block."""
    password = secrets.token_urlsafe(24)
    rules = Rules(
        destination=destination,
        context=destination.context(),
        authority=authority,
        inherited=inherited,
        authorization=b"Basic " + base64.b64encode(f"{_USER}:{password}".encode()),
    )
    started: Future[_Running] = Future()
    thread = threading.Thread(target=_run, args=(rules, started), name="passage", daemon=True)
    thread.start()
    running = started.result()
    try:
        yield f"http://{_USER}:{password}@127.0.0.1:{running.port}"
    finally:
        running.loop.call_soon_threadsafe(running.stop.set)
        thread.join()


def _run(rules: Rules, started: Future[_Running]) -> None:
    # Signals are for the thread that waits for the child.
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        # The caller's event loop policy is not ours.
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            runner.get_loop().set_exception_handler(_note)
            runner.run(_listen(rules, started))
    except BaseException as error:
        if started.done():
            raise
        started.set_exception(error)


def _note(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    # The terminal is the child's.
    _log.debug("passage: %s", context.get("message"), exc_info=context.get("exception"))


async def _listen(rules: Rules, started: Future[_Running]) -> None:
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(Wire(reader=reader, writer=writer), rules)
        task = asyncio.create_task(connection.serve())
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", 0, limit=HEAD_LIMIT)
    stop = asyncio.Event()
    port = server.sockets[0].getsockname()[1]
    started.set_result(_Running(port=port, loop=asyncio.get_running_loop(), stop=stop))
    await stop.wait()
    server.close()
    # A connection that was just accepted has its task by the next turn.
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
    await server.wait_closed()
