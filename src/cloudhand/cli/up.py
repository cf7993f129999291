"""`cloudhand up`: a control plane and a fleet of instances in one go."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from cloudhand import passage
from cloudhand.cli import holding, log, options, pointer
from cloudhand.cli.client import Client
from cloudhand.cli.exec_ import destination, identity
from cloudhand.cli.fleet import ensure, wait
from cloudhand.cli.holding import Heard
from cloudhand.cli.select import pair
from cloudhand.server.main import Running
from cloudhand.server.settings import Settings
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
    fleet: Annotated[int, typer.Option(min=0, max=100, help="How many instances.")] = 3,
    tag: Annotated[
        list[str] | None,
        typer.Option(help="KEY=VALUE of each instance that is made; may be repeated."),
    ] = None,
    listen: Annotated[
        str, typer.Option(help="HOST:PORT; port 0 takes any that is free.")
    ] = "127.0.0.1:0",
    state: Annotated[
        Path | None, typer.Option(help="Keep everything here; without it nothing is kept.")
    ] = None,
    region: options.Region = "cn-hangzhou",
    plain_processes: options.PlainProcesses = False,
    power_exit_codes: options.PowerExitCodes = "success",
    verbose: options.Verbose = False,
) -> None:
    """Start a control plane with a fleet of instances, each booted and online.

    Without a command it stays until Ctrl-C. With one, the command finds the control plane in its
    environment, as by `cloudhand exec`, whose help names the variables, and the ids of the
    instances in CLOUDHAND_INSTANCE_IDS, with commas between them. Instances end with it, and
    without --state nothing is left behind.
    """
    log.to_stderr(verbose=verbose)
    tags = dict(pair(text) for text in tag or ())
    settings = settings_for(
        state,
        listen=listen,
        region=region,
        plain_processes=plain_processes,
        power_exit_codes=power_exit_codes,
    )

    async def story(running: Running, heard: Heard) -> int:
        tell: Callable[[str], None] = _silent if command else print_now
        tell(running.mode_sentence)
        ids = await heard.unless(lambda: boot(running, fleet, tell, tags))
        if ids is None:
            return _INTERRUPTED if command else 0
        if command:
            # A temporary state is removed even if we are killed.
            within = settings.state if settings.temporary else None
            return await _against(running, ids, command, heard, within)
        tell_what_next(running, ids, settings.state)
        await heard.wait()
        print("\nEnding the instances.", flush=True)
        return 0

    sys.exit(holding.hold(settings, story, findable=not command))


def settings_for(
    state: Path | None,
    *,
    listen: str = "127.0.0.1:0",
    region: str = "cn-hangzhou",
    plain_processes: bool = False,
    power_exit_codes: str = "success",
) -> Settings:
    host, port = holding.address(listen)
    policy = holding.policy(power_exit_codes)
    region_id = holding.region(region)
    return Settings(
        state=(state or Path(tempfile.mkdtemp(prefix=TEMPORARY))).absolute(),
        temporary=state is None,
        ends_instances=True,
        listen_host=host,
        listen_port=port,
        region_id=region_id,
        plain_processes=plain_processes,
        power_exit_codes=policy,
    )


def boot(
    running: Running,
    count: int,
    tell: Callable[[str], None],
    tags: Mapping[str, str] | None = None,
) -> list[str]:
    """The ids of the fleet once all of it is online."""
    client = Client(holding.endpoint_of(running))
    online = 0

    def progress(now: int) -> None:
        nonlocal online
        if now > online:
            online = now
            tell(f"  {online} of {len(ids)} online")

    try:
        ids = ensure(client, count, tags)
        if ids:
            tell(f"Booting {_counted(ids)}:")
        wait(client, ids, "Running", at_most=_BOOT_BOUND, tell=progress)
    finally:
        client.close()
    return ids


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


def tell_what_next(running: Running, ids: Sequence[str], state: Path) -> None:
    typed, named = _typed(), _named(state)
    if ids:
        are = "is" if len(ids) == 1 else "are"
        print(f"\nReady: {_counted(ids)} {are} online: {' '.join(ids)}")
        script = f"{typed} run --all{named} -- 'echo helloworld; exit 194'"
    else:
        print("\nReady, without instances: RunInstances makes some, and machines may join.")
        script = f"{typed} agent register --help"
    print(f"  endpoint    {running.url}   region {running.region_id}")
    print(f"  access key  {running.access_key_id}   secret {running.access_key_secret}")
    print("Three commands to try next, in another terminal:")
    print(f"  {typed} instances{named}")
    print(f"  {script}")
    print(f"  {typed} exec{named} -- python your_program_for_alibaba_cloud.py")
    print("Ctrl-C ends everything.", flush=True)


def _counted(ids: Sequence[str]) -> str:
    return f"{len(ids)} instance{'' if len(ids) == 1 else 's'}"


def _named(state: Path) -> str:
    """How to name this control plane while there are others; what is newest may change."""
    others = [one for one in pointer.living() if one != state]
    return f" --state {shlex.quote(str(state))}" if others else ""


def _typed() -> str:
    """What to type for this program: its name where a shell finds it, else its path."""
    path = Path(sys.argv[0]).absolute()
    found = shutil.which(path.name)
    if found and Path(found).samefile(path):
        return path.name
    below = path.is_relative_to(Path.cwd())
    return str(path.relative_to(Path.cwd()) if below else path)
