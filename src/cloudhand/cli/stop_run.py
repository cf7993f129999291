"""`cloudhand stop-run`: end what was run earlier."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from cloudhand.cli import options
from cloudhand.cli.client import Client
from cloudhand.cli.endpoint import find_endpoint
from cloudhand.cli.fleet import machines
from cloudhand.cli.following import Following, stop_all
from cloudhand.cli.result import known

EPILOG = (
    "Exit codes: 0 it has ended everywhere, by this or by itself; 2 not understood;"
    " 3 the control plane refused or could not be reached; 130 interrupted."
)


def command(
    invocation: Annotated[
        list[str], typer.Argument(help="Its id, as `run` tells it.", metavar="t-...")
    ],
    as_json: options.Json = False,
    state: options.State = None,
    endpoint: options.At = "",
    ca: options.Ca = None,
) -> None:
    """Stop what was run earlier, with all that its scripts have started, and wait for its end.

    Where it has not begun it does not begin; where it has ended it stays as it is.
    """
    client = Client(find_endpoint(state, endpoint, ca))
    going = sorted({one.invoke_id for one in known(client, invocation) if not one.ended})
    following = Following(client, machines(client), as_json=as_json)
    heard = stop_all(client, going)
    if heard:
        following.to_the_end(invocation)
    client.close()
    sys.exit(0 if heard else 3)
