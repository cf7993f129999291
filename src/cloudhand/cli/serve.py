"""`cloudhand serve`: the control plane alone; and how `up` and `serve` hold one."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from cloudhand.cli.client import ClientError, Endpoint, pointer
from cloudhand.server.main import CannotStart, Running, control_plane
from cloudhand.server.settings import ExitCodePolicy, Settings

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def command(
    state: Annotated[Path, typer.Option(help="The directory that holds all that must last.")],
    listen: Annotated[
        str, typer.Option(help="HOST:PORT; nothing beyond this machine unless you say so.")
    ] = "127.0.0.1:8650",
    region: Annotated[str, typer.Option(help="The region that it is.")] = "cn-hangzhou",
    tls: Annotated[
        bool, typer.Option("--tls", help="Serve https, with an authority of its own in STATE/tls.")
    ] = False,
    plain_processes: Annotated[
        bool, typer.Option("--plain-processes", help="Make instances without namespaces.")
    ] = False,
    power_exit_codes: Annotated[
        str, typer.Option(help="success, or documented: 193 and 194 then end as Failed.")
    ] = "success",
    verbose: Annotated[bool, typer.Option("--verbose", help="Log every move.")] = False,
) -> None:
    """Run a control plane until a signal. Instances outlive it, and are found again."""
    log_to_stderr(verbose=verbose)
    host, port = address(listen)
    settings = Settings(
        state=state.absolute(),
        listen_host=host,
        listen_port=port,
        region_id=region,
        tls=tls,
        plain_processes=plain_processes,
        power_exit_codes=policy(power_exit_codes),
    )

    async def wait(running: Running, ended: asyncio.Event) -> int:
        print(f"Cloudhand listens on {running.url} (region {running.region_id})")
        print(running.mode_sentence)
        print(f"Its access key is in {state}/endpoint.json; Ctrl-C ends it.", flush=True)
        await ended.wait()
        return 0

    sys.exit(held(settings, wait))


def policy(text: str) -> ExitCodePolicy:
    try:
        return ExitCodePolicy(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is neither success nor documented", param_hint="--power-exit-codes"
        ) from None


def address(text: str) -> tuple[str, int]:
    """HOST:PORT; a typer.BadParameter otherwise."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise typer.BadParameter(f"{text!r} is not HOST:PORT", param_hint="--listen")
    return host.strip("[]"), int(port)


def log_to_stderr(*, verbose: bool) -> None:
    level = logging.INFO if verbose else logging.WARNING
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("uvicorn").setLevel(logging.WARNING)


Story = Callable[[Running, asyncio.Event], Awaitable[int]]


def held(settings: Settings, story: Story) -> int:
    """Hold a control plane while ``story`` lasts; it is told by an event that a signal came."""
    try:
        return uvloop.run(_hold(settings, story))
    except CannotStart as error:
        raise ClientError(f"cannot start a control plane: {error}") from error


async def _hold(settings: Settings, story: Story) -> int:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, ended.set)
    async with control_plane(settings) as running, _pointed_to(settings.state):
        return await story(running, ended)


@asynccontextmanager
async def _pointed_to(state: Path) -> AsyncIterator[None]:
    """Let other commands of this user find the control plane."""
    path = pointer()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.write_text(str(state))
    try:
        yield
    finally:
        if path.exists() and path.read_text() == str(state):
            path.unlink()


def endpoint_of(running: Running) -> Endpoint:
    return Endpoint(
        url=running.url,
        region_id=running.region_id,
        access_key_id=running.access_key_id,
        access_key_secret=running.access_key_secret,
        ca=str(running.ca) if running.ca else "",
    )
