"""`cloudhand fault clear`: let things go right again."""

from __future__ import annotations

from typing import Annotated

import typer

from cloudhand.cli import options
from cloudhand.cli.client import Client
from cloudhand.cli.endpoint import find_endpoint

EPILOG = (
    "Exit codes: 0 cleared; 2 not understood; 3 the control plane refused or could not be reached."
)


def command(
    fault: Annotated[
        list[str] | None, typer.Argument(help="Their ids; none: all.", metavar="[fault-...]...")
    ] = None,
    state: options.State = None,
    endpoint: options.At = "",
    ca: options.Ca = None,
) -> None:
    """Take faults away. Agents that were not heard come back within seconds."""
    client = Client(find_endpoint(state, endpoint, ca))
    client.call("DeleteFaults", {"FaultId": fault or []})
    client.close()
