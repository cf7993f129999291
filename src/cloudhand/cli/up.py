"""`cloudhand up`: a control plane and a fleet of instances in one go."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from cloudhand import passage
from cloudhand.cli import serve
from cloudhand.cli.client import Client
from cloudhand.cli.exec_ import destination, identity
from cloudhand.cli.fleet import ensure, wait
from cloudhand.server.main import Running
from cloudhand.server.settings import Settings

_BOOT_BOUND = 60.0  # seconds for the whole fleet


def command(
    command: Annotated[
        list[str] | None,
        typer.Argument(help="A program to run against it, after --; its exit code is passed on."),
    ] = None,
    fleet: Annotated[int, typer.Option(min=0, max=100, help="How many instances.")] = 3,
    listen: Annotated[
        str, typer.Option(help="HOST:PORT; port 0 takes any that is free.")
    ] = "127.0.0.1:0",
    state: Annotated[
        Path | None, typer.Option(help="Keep everything here; without it nothing is kept.")
    ] = None,
    region: Annotated[str, typer.Option(help="The region that it is.")] = "cn-hangzhou",
    plain_processes: Annotated[
        bool, typer.Option("--plain-processes", help="Make instances without namespaces.")
    ] = False,
    power_exit_codes: Annotated[
        str, typer.Option(help="success, or documented: 193 and 194 then end as Failed.")
    ] = "success",
    verbose: Annotated[bool, typer.Option("--verbose", help="Log every move.")] = False,
) -> None:
    """Start a control plane with a fleet of instances, each booted and online.

    Without a command it runs until Ctrl-C. Instances end with it, and without --state nothing
    is left behind.
    """
    serve.log_to_stderr(verbose=verbose)
    settings = settings_for(state, listen, region, plain_processes, power_exit_codes)

    async def story(running: Running, ended: asyncio.Event) -> int:
        ids = await booted(running, fleet, ended, quiet=bool(command))
        if ids is None:
            return 130
        if command:
            return await asyncio.to_thread(run_against, running, ids, command)
        tell_what_next(running, ids)
        await ended.wait()
        print("\nEnding the instances.")
        return 0

    sys.exit(serve.held(settings, story))


def settings_for(
    state: Path | None, listen: str, region: str, plain_processes: bool, power_exit_codes: str
) -> Settings:
    host, port = serve.address(listen)
    return Settings(
        state=(state or Path(tempfile.mkdtemp(prefix="cloudhand-"))).absolute(),
        temporary=state is None,
        ends_instances=True,
        listen_host=host,
        listen_port=port,
        region_id=region,
        plain_processes=plain_processes,
        power_exit_codes=serve.policy(power_exit_codes),
    )


async def booted(
    running: Running, count: int, ended: asyncio.Event, *, quiet: bool
) -> list[str] | None:
    """The ids of the fleet once all of it is online; None when a signal came first."""
    if not quiet:
        print(running.mode_sentence, flush=True)
    work = asyncio.create_task(asyncio.to_thread(_boot, running, count))
    signal = asyncio.create_task(ended.wait())
    await asyncio.wait([work, signal], return_when=asyncio.FIRST_COMPLETED)
    signal.cancel()
    return await work if work.done() or not ended.is_set() else None


def _boot(running: Running, count: int) -> list[str]:
    client = Client(serve.endpoint_of(running))
    try:
        ids = ensure(client, count)
        wait(client, ids, "Running", at_most=_BOOT_BOUND)
    finally:
        client.close()
    return ids


def run_against(running: Running, ids: Sequence[str], command: Sequence[str]) -> int:
    """Run a program written for Alibaba Cloud against this control plane; its exit code."""
    endpoint = serve.endpoint_of(running)
    extra = {"CLOUDHAND_INSTANCE_IDS": ",".join(ids)}
    with passage.open_passage(
        destination(endpoint), identity(endpoint), environ=os.environ, extra=extra
    ) as environment:
        return passage.run(command, environment)


def tell_what_next(running: Running, ids: Sequence[str]) -> None:
    print(f"{len(ids)} instances are online: {', '.join(ids)}")
    print(f"endpoint    {running.url}   region {running.region_id}")
    print(f"access key  {running.access_key_id}   secret {running.access_key_secret}")
    print("Try next, in another terminal:")
    print("  cloudhand instances")
    print("  cloudhand run --all --yes -- 'echo helloworld; exit 194'")
    print("  cloudhand exec -- python your_program_for_alibaba_cloud.py")
    print("Ctrl-C ends everything.", flush=True)
