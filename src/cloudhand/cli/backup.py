"""`cloudhand backup` and `restore`: all that a control plane keeps, in one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cloudhand.cli.errors import ClientError
from cloudhand.server import backup as server
from cloudhand.server.state import CannotUse

EPILOG = "Exit codes: 0 done; 2 not understood; 3 it could not be, and nothing was written."
_MEBIBYTE = 1024 * 1024


def backup(
    file: Annotated[Path, typer.Argument(help="Where to; a new file.", metavar="FILE")],
    state: Annotated[Path, typer.Option(help="The state directory.")],
) -> None:
    """Write all that a control plane keeps into one file, while it goes on.

    Whoever has the file has all of its keys and secrets, so it is for its owner alone to read. The
    disks of instances are not in it.
    """
    try:
        size = server.back_up(state.absolute(), file.absolute())
    except CannotUse as error:
        raise ClientError(str(error)) from error
    print(f"{file} holds all of {state}: {max(size // _MEBIBYTE, 1)} MiB. Keep it as safe as that.")


def restore(
    file: Annotated[Path, typer.Argument(help="What backup has written.", metavar="FILE")],
    state: Annotated[Path, typer.Option(help="A new state directory.")],
) -> None:
    """Make a state directory of a backup, for `cloudhand serve --state`.

    Machines that have joined come back by themselves, once it listens where they know it. Instances
    of its own are gone, and are said to be released.
    """
    try:
        made_at = server.restore(file.absolute(), state.absolute())
    except CannotUse as error:
        raise ClientError(str(error)) from error
    print(f"{state} is as it was at {made_at:%Y-%m-%d %H:%M:%S} UTC. Next:")
    # With which names and where it listened is not kept; that it had certificates is.
    tls = " --tls, with the --listen and --name that it had" if (state / "tls").exists() else ""
    print(f"  cloudhand serve --state {state}{tls}")
