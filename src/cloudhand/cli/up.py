"""`cloudhand up`: a control plane and a fleet of instances in one go."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from cloudhand import passage
from cloudhand.cli import holding, log, options, pointer
from cloudhand.cli.client import Client
from cloudhand.cli.exec_ import destination, identity
from cloudhand.cli.fleet import Machine, ensure, wait
from cloudhand.cli.holding import Heard
from cloudhand.server.main import Running
from cloudhand.server.settings import TARGET_LIMIT, Settings
from cloudhand.server.state import TEMPORARY

EPILOG = (
    "Exit codes: that of COMMAND if there is one; else 0 after a signal; 2 not understood;"
    " 3 it could not start."
)
_BOOT_BOUND = 60.0  # seconds for the whole fleet
_INTERRUPTED = 130


def command(
    command: Annotated[
        list[str] | None,
        typer.Argument(
            help="A program to run against it, after --; its exit code is passed on.",
            metavar="-- COMMAND",
        ),
    ] = None,
    fleet: Annotated[
        int,
        typer.Option(
            min=0,
            max=100,
            help="How many instances there are to be, those of the state included: 0 to 100. A"
            " smaller number removes none, and with 0 none is started.",
            metavar="N",
        ),
    ] = 3,
    tag: Annotated[
        list[str] | None,
        typer.Option(help="KEY=VALUE of each instance that is made; may be repeated."),
    ] = None,
    listen: Annotated[
        str, typer.Option(help="HOST:PORT; port 0 takes any that is free.")
    ] = "127.0.0.1:0",
    state: Annotated[
        Path | None,
        typer.Option(
            help="Keep everything here: instances with their names, ids and files, what was run,"
            " the access key and the port. Without it nothing is kept."
        ),
    ] = None,
    plain_http: options.PlainHttp = False,
    region: options.Region = "cn-hangzhou",
    plain_processes: options.PlainProcesses = False,
    power_exit_codes: options.PowerExitCodes = "success",
    web_hooks_to: options.WebHooks = None,
    instances_per_call: holding.InstancesPerCall = TARGET_LIMIT,
    invocations_per_day: holding.InvocationsPerDay = 0,
    limit: holding.Limit = None,
    requests_per_second: holding.RequestsPerSecond = 0,
    verbose: options.Verbose = False,
) -> None:
    """Start a control plane with a fleet of instances, each booted and online.

    Without a command it stays until Ctrl-C or SIGTERM; `nohup cloudhand up ... &` has it stay in
    the background, and `kill PID` ends it. With one, the command finds the control plane in its
    environment, as by `cloudhand exec`, whose help names the variables, and the ids of the
    instances in CLOUDHAND_INSTANCE_IDS, with commas between them.

    Instances end with it. Without --state nothing is left behind; with it they are started again
    by the next `up` on that state.
    """
    log.to_stderr(verbose=verbose)
    tags = options.pairs(tag or (), "--tag")
    settings = settings_for(
        state,
        listen=listen,
        region=region,
        plain_processes=plain_processes,
        power_exit_codes=power_exit_codes,
        web_hooks_to=web_hooks_to,
    )
    settings = replace(
        settings,
        plain_http=plain_http,
        instances_per_call=instances_per_call,
        invocations_per_day=invocations_per_day,
        limits=holding.limits(limit),
        requests_per_second=requests_per_second,
    )

    async def story(running: Running, heard: Heard) -> int:
        tell: Callable[[str], None] = _silent if command else print_now
        tell(running.mode_sentence)
        ready = await heard.unless(lambda: boot(running, fleet, tell, tags))
        if ready is None:
            return _INTERRUPTED if command else 0
        if command:
            # A temporary state is removed even if we are killed.
            within = settings.state if settings.temporary else None
            ids = [machine.id for machine in ready]
            return await _against(running, ids, command, heard, within)
        tell_what_next(running, ready, settings)
        await heard.wait()
        heard.answer("Ending the instances.")
        return 0

    sys.exit(holding.hold(settings, story, findable=not command))


def settings_for(
    state: Path | None,
    *,
    listen: str = "127.0.0.1:0",
    region: str = "cn-hangzhou",
    plain_processes: bool = False,
    power_exit_codes: str = "success",
    web_hooks_to: Sequence[str] | None = None,
) -> Settings:
    host, port = holding.address(listen)
    policy = holding.policy(power_exit_codes)
    region_id = holding.region(region)
    outward = holding.networks(web_hooks_to)
    return Settings(
        state=(state or Path(tempfile.mkdtemp(prefix=TEMPORARY))).absolute(),
        temporary=state is None,
        ends_instances=True,
        listen_host=host,
        listen_port=port,
        region_id=region_id,
        plain_processes=plain_processes,
        power_exit_codes=policy,
        outward=outward,
    )


def boot(
    running: Running,
    count: int,
    tell: Callable[[str], None],
    tags: Mapping[str, str] | None = None,
) -> list[Machine]:
    """The fleet once all of it is online; none is looked at if none is wanted."""
    client = Client(holding.endpoint_of(running))
    online = -1

    def progress(now: int) -> None:
        nonlocal online
        if online < 0 and now < len(ids):
            tell(f"Booting {holding.counted(len(ids) - now)}:")
        elif 0 <= online < now:
            tell(f"  {now} of {len(ids)} online")
        online = max(online, now)

    try:
        ids = ensure(client, count, tags) if count else []
        return wait(client, ids, "Running", at_most=_BOOT_BOUND, tell=progress)
    finally:
        client.close()


def print_now(text: str) -> None:
    print(text, flush=True)


def _silent(text: str) -> None:
    """The output belongs to the command."""


async def _against(
    running: Running,
    ids: Sequence[str],
    command: Sequence[str],
    heard: Heard,
    within: Path | None,
) -> int:
    """Run a program against this control plane; each signal reaches it once."""
    children: list[subprocess.Popen[bytes]] = []

    def pass_on(number: int) -> None:
        if number == signal.SIGINT and holding.typed():
            return  # the terminal sent it to the child as well
        for child in children:
            child.send_signal(number)

    heard.pass_on(pass_on)
    return await asyncio.to_thread(_run, running, ids, command, children.append, within)


def _run(
    running: Running,
    ids: Sequence[str],
    command: Sequence[str],
    started: Callable[[subprocess.Popen[bytes]], object],
    within: Path | None,
) -> int:
    endpoint = holding.endpoint_of(running)
    with passage.open_passage(
        destination(endpoint),
        identity(endpoint),
        environ=os.environ,
        extra={"CLOUDHAND_INSTANCE_IDS": ",".join(ids)},
        within=within,
    ) as environment:
        return passage.run(command, environment, started=started)


def tell_what_next(running: Running, ready: Sequence[Machine], settings: Settings) -> None:
    typed, named = _typed(), _named(settings)
    if ready:
        are = "is" if len(ready) == 1 else "are"
        print(f"\nReady: {', '.join(machine.name for machine in ready)} {are} online.")
        script = f"{typed} run --all{named} -- 'echo helloworld; exit 194'"
    else:
        print(
            "\nReady; no instance was started: `cloudhand call RunInstances` makes some, and"
            " machines may join."
        )
        script = f"{typed} agent register --help"
    if not settings.temporary:
        print(f"  state       {settings.state}")
    print(f"  endpoint    {running.url}   region {running.region_id}")
    # What is written to a file, by nohup for instance, may be read by others.
    kept = f"in {settings.state}/endpoint.json"
    secret = running.access_key_secret if sys.stdout.isatty() else kept
    print(f"  access key  {running.access_key_id}   secret {secret}")
    print("Three commands to try next, in another terminal:")
    print(f"  {typed} instances{named}")
    print(f"  {script}")
    print(f"  {typed} exec{named} -- python your_program_for_alibaba_cloud.py")
    what = "everything." if settings.temporary else "the instances; their state is kept."
    print(f"Ctrl-C ends {what}", flush=True)


def _named(settings: Settings) -> str:
    """How to name this control plane where it lasts, or has others beside it."""
    alone = all(one == settings.state for one in pointer.living())
    return "" if alone and settings.temporary else holding.named(settings.state)


def _typed() -> str:
    """What to type for this program: its name where a shell finds it, else its path."""
    path = Path(sys.argv[0]).absolute()
    found = shutil.which(path.name)
    if found and Path(found).samefile(path):
        return path.name
    below = path.is_relative_to(Path.cwd())
    return str(path.relative_to(Path.cwd()) if below else path)
