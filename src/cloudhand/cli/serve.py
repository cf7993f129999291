"""`cloudhand serve`: the control plane alone."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from cloudhand.cli import holding, log, options
from cloudhand.cli.holding import Heard
from cloudhand.server.main import Running, running_count
from cloudhand.server.settings import TARGET_LIMIT, USUAL_PORT, Settings
from cloudhand.server.state import last_port

_MEBIBYTE = 1024 * 1024

EPILOG = "Exit codes: 0 it ended after a signal; 2 not understood; 3 it could not start."


def command(
    state: Annotated[Path, typer.Option(help="The directory that holds all that must last.")],
    listen: Annotated[
        str,
        typer.Option(
            help="HOST:PORT; nothing beyond this machine unless you say so, and then with --tls."
            " If not said it is 127.0.0.1 with the port that this state had last, or with 8650.",
        ),
    ] = "",
    region: options.Region = "cn-hangzhou",
    tls: Annotated[
        bool, typer.Option("--tls", help="Serve https, with an authority of its own in STATE/tls.")
    ] = False,
    name: Annotated[
        list[str] | None,
        typer.Option(
            help="A name or address by which other machines reach it, for its certificate; the"
            " first is what `cloudhand invite` tells them. May be repeated.",
            metavar="HOST",
        ),
    ] = None,
    plain_http: options.PlainHttp = False,
    plain_processes: options.PlainProcesses = False,
    power_exit_codes: options.PowerExitCodes = "success",
    web_hooks_to: options.WebHooks = None,
    instances_per_call: holding.InstancesPerCall = TARGET_LIMIT,
    invocations_per_day: holding.InvocationsPerDay = 0,
    limit: holding.Limit = None,
    requests_per_second: holding.RequestsPerSecond = 0,
    output_limit: Annotated[
        int,
        typer.Option(
            help="MiB of output that are kept of each run of a command.",
            min=1,
            max=1024,
            metavar="N",
        ),
    ] = 10,
    outputs_quota: Annotated[
        int,
        typer.Option(
            help="MiB of output that are kept in all. Beyond it the oldest outputs are cut to the"
            " last 24 KB, which is what the API shows.",
            min=1,
            metavar="N",
        ),
    ] = 10 * 1024,
    metrics_to: Annotated[
        list[str] | None,
        typer.Option(
            help="A network that may read /metrics, like 10.1.0.0/16; may be given more than once."
            " If not said this machine alone may.",
            metavar="NETWORK",
        ),
    ] = None,
    audit_days: Annotated[
        int,
        typer.Option(help="Days for which it is kept who did what.", min=1, max=3650, metavar="N"),
    ] = 180,
    agent_gone_after: Annotated[
        int,
        typer.Option(
            help="Minutes of silence, after which `cloudhand notify` tells that an agent is gone.",
            min=3,
            max=10_080,
            metavar="N",
        ),
    ] = 5,
    verbose: options.Verbose = False,
) -> None:
    """Run a control plane until a signal. Instances outlive it, and are found again.

    When it ends it says how many instances run on, how to find them again, and how to end them.
    """
    log.to_stderr(verbose=verbose)
    host, port = holding.address(listen or f"127.0.0.1:{last_port(state) or USUAL_PORT}")
    settings = Settings(
        state=state.absolute(),
        listen_host=host,
        listen_port=port,
        region_id=holding.region(region),
        tls=tls,
        plain_http=plain_http,
        names=holding.names(name),
        plain_processes=plain_processes,
        power_exit_codes=holding.policy(power_exit_codes),
        outward=holding.networks(web_hooks_to),
        instances_per_call=instances_per_call,
        invocations_per_day=invocations_per_day,
        limits=holding.limits(limit),
        requests_per_second=requests_per_second,
        output_limit=output_limit * _MEBIBYTE,
        outputs_quota=outputs_quota * _MEBIBYTE,
        audit_days=audit_days,
        agent_gone_after=agent_gone_after,
        metrics_to=holding.networks(metrics_to, "--metrics-to"),
    )

    async def story(running: Running, heard: Heard) -> int:
        print(f"Cloudhand listens on {running.url} (region {running.region_id}).")
        print(running.mode_sentence)
        print(f"Its access key is in {state}/endpoint.json. Ctrl-C ends it.", flush=True)
        await heard.wait()
        heard.answer(_what_goes_on(await running_count(running), settings))
        return 0

    sys.exit(holding.hold(settings, story))


def _what_goes_on(count: int, settings: Settings) -> str:
    state = holding.named(settings.state)
    again = f"`cloudhand serve{state}` finds"
    if not count:
        return f"No instance runs on. {again} the stopped ones again."
    them = "it" if count == 1 else "them"
    way = " --plain-processes" if settings.plain_processes else ""
    end = f"`cloudhand up --fleet 0{state}{way} -- true` ends {them}"
    return f"{holding.counted(count)} run{'s' * (count == 1)} on. {again} {them} again; {end}."
