"""`cloudhand demo`: three instances, and the story played on them."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from cloudhand.cli import holding, log, options, story, up
from cloudhand.cli.client import Client
from cloudhand.cli.errors import ClientError
from cloudhand.cli.fleet import Machine
from cloudhand.cli.holding import Heard
from cloudhand.server.main import Running

EPILOG = "Exit codes: 0 the story came true; 1 it did not; 3 it could not start; 130 interrupted."
_FLEET = 3
_STYLES = {"good": "green", "low": "yellow", "plain": ""}


def command(
    plain_processes: options.PlainProcesses = False,
    power_exit_codes: options.PowerExitCodes = "success",
    record: Annotated[
        Path | None, typer.Option(help="Draw what was told into this SVG file.", hidden=True)
    ] = None,
    verbose: options.Verbose = False,
) -> None:
    """Boot three instances and play on them: run a command, restart by exit code, stop, start.

    On a terminal it stays afterwards, for you to try more. With ONCE=1 in the environment, or
    without a terminal, it plays once and ends.
    """
    log.to_stderr(verbose=verbose)
    once = bool(os.environ.get("ONCE")) or not sys.stdout.isatty() or record is not None
    console = _console(record)
    settings = up.settings_for(
        None, plain_processes=plain_processes, power_exit_codes=power_exit_codes
    )

    async def hold(running: Running, heard: Heard) -> int:
        console.print(Text(running.mode_sentence, style="dim"))
        played = await heard.unless(lambda: _play(running, console))
        if played is None:
            return 130
        ready, wrong = played
        if record is not None and not wrong:
            console.save_svg(str(record), title="make demo")
        if wrong:
            print(f"cloudhand: the story did not come true: {wrong}", file=sys.stderr)
            return 1
        if not once:
            up.tell_what_next(running, ready, settings)
            await heard.wait()
            heard.answer("Ending the instances.")
        return 0

    sys.exit(holding.hold(settings, hold, findable=not once))


def _play(running: Running, console: Console) -> tuple[list[Machine], str]:
    """The instances, and what went wrong if something did."""
    client = Client(holding.endpoint_of(running))
    try:
        ready = up.boot(running, _FLEET, lambda text: console.print(Text(text, style="dim")))
        names = {machine.id: machine.name for machine in ready}
        story.play(client, names, _teller(console))
    except (story.WentWrong, ClientError) as error:
        return [], str(error)
    finally:
        client.close()
    return ready, ""


class _Console(Console):
    def on_broken_pipe(self) -> None:
        # Rich would exit, which from the thread of the story ends the loop and not the program.
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


def _console(record: Path | None) -> Console:
    if record is None:
        return _Console(highlight=False, soft_wrap=True)
    return _Console(record=True, width=92, force_terminal=True, highlight=False)


def _teller(console: Console) -> story.Teller:
    number = 0

    def chapter(text: str) -> None:
        nonlocal number
        number += 1
        console.print()
        console.print(Text(f"{number}. {text}", style="bold"))

    return story.Teller(
        chapter=chapter,
        command=lambda text: console.print(Text(f"   $ {text}", style="cyan")),
        line=lambda name, text, tone: console.print(
            Text.assemble("   ", (name, "bold"), "  ", (text, _STYLES[tone]))
        ),
        remark=_remark(console),
    )


def _remark(console: Console) -> Callable[[str], None]:
    return lambda text: console.print(Text(f"   {text}", style="dim"))
