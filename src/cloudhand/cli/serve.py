"""`cloudhand serve`: the control plane alone."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from cloudhand.cli import holding, log, options
from cloudhand.cli.holding import Heard
from cloudhand.server.main import Running
from cloudhand.server.settings import Settings


def command(
    state: Annotated[Path, typer.Option(help="The directory that holds all that must last.")],
    listen: Annotated[
        str, typer.Option(help="HOST:PORT; nothing beyond this machine unless you say so.")
    ] = "127.0.0.1:8650",
    region: options.Region = "cn-hangzhou",
    tls: Annotated[
        bool, typer.Option("--tls", help="Serve https, with an authority of its own in STATE/tls.")
    ] = False,
    plain_processes: options.PlainProcesses = False,
    power_exit_codes: options.PowerExitCodes = "success",
    verbose: options.Verbose = False,
) -> None:
    """Run a control plane until a signal. Instances outlive it, and are found again."""
    log.to_stderr(verbose=verbose)
    host, port = holding.address(listen)
    settings = Settings(
        state=state.absolute(),
        listen_host=host,
        listen_port=port,
        region_id=holding.region(region),
        tls=tls,
        plain_processes=plain_processes,
        power_exit_codes=holding.policy(power_exit_codes),
    )

    async def story(running: Running, heard: Heard) -> int:
        print(f"Cloudhand listens on {running.url} (region {running.region_id}).")
        print(running.mode_sentence)
        print(f"Its access key is in {state}/endpoint.json. Ctrl-C ends it.", flush=True)
        await heard.wait()
        return 0

    sys.exit(holding.hold(settings, story))
