"""Hold a control plane in this process for as long as a story lasts."""

from __future__ import annotations

import asyncio
import gc
import ipaddress
import os
import re
import shlex
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Annotated, TypeVar

import typer
import uvloop

from cloudhand.cli.endpoint import Endpoint
from cloudhand.cli.errors import ClientError
from cloudhand.cli.pointer import pointed_to
from cloudhand.server.main import CannotStart, Running, control_plane, running_count
from cloudhand.server.settings import (
    LARGEST_TARGET_LIMIT,
    LIMITED,
    ExitCodePolicy,
    Network,
    Settings,
)

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", re.ASCII)
_REGION = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", re.ASCII)
# A full collection walks all that thousands of idle agents hold, to find next to nothing; with
# Python's own thresholds a command to 2,000 machines pays a third more for each than one to 100.
_COLLECTION = (20_000, 10, 100)
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

Answer = TypeVar("Answer")

# Options of what holds one.
InstancesPerCall = Annotated[
    int,
    typer.Option(
        help="Instances that one RunCommand or InvokeCommand may name.",
        min=1,
        max=LARGEST_TARGET_LIMIT,
        metavar="N",
    ),
]
InvocationsPerDay = Annotated[
    int,
    typer.Option(
        help="Commands that may be run in a day, which begins at 00:00 UTC: the next one is"
        " Invocation.ExceedQuota. 0: as many as come.",
        min=0,
        metavar="N",
    ),
]
Limit = Annotated[
    list[str] | None,
    typer.Option(
        help="How many of something there may be: of each account instances=100, commands=500,"
        " activations=5000, sessions=1000; and accounts=100. May be repeated.",
        metavar="WHAT=N",
    ),
]
RequestsPerSecond = Annotated[
    int,
    typer.Option(
        help="Requests that are answered in a second: more are Throttling.User. 0: all are.",
        min=0,
        metavar="N",
    ),
]


class Heard:
    """The signals that came to this process, none of which ends it at once."""

    def __init__(self) -> None:
        self.last = 0
        self._came = asyncio.Event()
        self._pass_on: Callable[[int], object] = lambda _: None

    def hear(self, number: int) -> None:
        self.last = number
        self._came.set()
        self._pass_on(number)

    def pass_on(self, to: Callable[[int], object]) -> None:
        """Have somebody else told of each signal from now on."""
        self._pass_on = to

    async def wait(self) -> None:
        await self._came.wait()

    def answer(self, text: str) -> None:
        """Say what follows, on a line of its own where a terminal shows what was typed."""
        typed = self.last == signal.SIGINT and sys.stdout.isatty()
        print(f"\n{text}" if typed else text, flush=True)

    async def unless(self, work: Callable[[], Answer]) -> Answer | None:
        """What blocking work in a thread gives; None as soon as a signal comes.

        The thread is left to find out by itself that the control plane is gone.
        """
        task = asyncio.create_task(asyncio.to_thread(work))
        came = asyncio.create_task(self.wait())
        await asyncio.wait([task, came], return_when=asyncio.FIRST_COMPLETED)
        came.cancel()
        if task.done():
            return task.result()
        task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        return None


Story = Callable[[Running, Heard], Awaitable[int]]


def hold(settings: Settings, story: Story, *, findable: bool = True) -> int:
    """Hold a control plane while ``story`` lasts; its exit code. ClientError if it cannot start.

    ``findable``: whether other commands of this user take it for theirs.
    """
    _let_many_files_open()
    gc.set_threshold(*_COLLECTION)
    try:
        return uvloop.run(_hold(settings, story, findable=findable))
    except CannotStart as error:
        raise ClientError(str(error)) from error


async def _hold(settings: Settings, story: Story, *, findable: bool) -> int:
    heard = Heard()
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # what nohup has ignored stays so
            loop.add_signal_handler(number, heard.hear, number)
    async with control_plane(settings) as running:
        if running.moved_from and (count := await running_count(running)):
            print(_looked_for(running, count, settings.state), file=sys.stderr)
        if not findable:
            return await story(running, heard)
        with pointed_to(settings.state):
            return await story(running, heard)


def _looked_for(running: Running, count: int, state: Path) -> str:
    return (
        f"The agents of {counted(count)} look for it at {running.moved_from}, where it was last:"
        f" `cloudhand reboot --all{named(state)}` has them find it here"
    )


def named(state: Path) -> str:
    """How a command names the control plane of a state, with a space before it."""
    return f" --state {shlex.quote(str(state))}"


def counted(count: int) -> str:
    return f"{count} instance{'' if count == 1 else 's'}"


def _let_many_files_open() -> None:
    """As many as allowed: each agent holds a socket or two."""
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def policy(text: str) -> ExitCodePolicy:
    try:
        return ExitCodePolicy(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is neither success nor documented", param_hint="--power-exit-codes"
        ) from None


def networks(texts: Sequence[str] | None, option: str = "--web-hooks-to") -> tuple[Network, ...]:
    """A typer.BadParameter for what is none."""
    try:
        return tuple(map(ipaddress.ip_network, texts or ()))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None


def limits(texts: Sequence[str] | None) -> dict[str, int]:
    """How many there may be, by what it is; a typer.BadParameter for what is not WHAT=N."""
    found = {}
    for text in texts or ():
        what, _, number = text.partition("=")
        if what not in LIMITED or not re.fullmatch(r"[0-9]{1,9}", number):
            raise typer.BadParameter(
                f"{text!r} is not one of {', '.join(f'{one}=N' for one in LIMITED)}",
                param_hint="--limit",
            )
        found[what] = int(number)
    return found


def names(texts: Sequence[str] | None) -> tuple[str, ...]:
    """Names or addresses of hosts; a typer.BadParameter for what is none."""
    for text in texts or ():
        if not _HOST.fullmatch(text) and not _is_address(text):
            raise typer.BadParameter(
                f"{text!r} is neither a name nor an address", param_hint="--name"
            )
    return tuple(texts or ())


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def region(text: str) -> str:
    """A part of host names, as regions are; a typer.BadParameter otherwise."""
    if not _REGION.fullmatch(text):
        raise typer.BadParameter(f"{text!r} is no region like cn-hangzhou", param_hint="--region")
    return text


def address(text: str) -> tuple[str, int]:
    """HOST:PORT; a typer.BadParameter otherwise."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        high = ", whose port is at most 65535" if port.isdigit() and host else ""
        raise typer.BadParameter(
            f"{text!r} is not HOST:PORT, as 127.0.0.1:8650 is{high}", param_hint="--listen"
        )
    return host.strip("[]"), int(port)


def endpoint_of(running: Running) -> Endpoint:
    return Endpoint(
        url=running.url,
        region_id=running.region_id,
        access_key_id=running.access_key_id,
        access_key_secret=running.access_key_secret,
        ca=str(running.ca) if running.ca else "",
    )


def typed() -> bool:
    """Whether what is typed at the terminal reaches our process group by itself."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
