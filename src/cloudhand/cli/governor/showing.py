"""`cloudhand governor show`: who restarts, and who waits for whom."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from cloudhand.cli import options
from cloudhand.cli.client import Client
from cloudhand.cli.endpoint import find_endpoint
from cloudhand.cli.fleet import machines
from cloudhand.cli.following import aside
from cloudhand.cli.governor.slots import slots
from cloudhand.cli.people import called, with_names

EPILOG = (
    "Exit codes: 0 done; 2 not understood; 3 the control plane refused or could not be reached."
)


def command(
    group: Annotated[
        str, typer.Argument(help="Of this group alone.", metavar="[GROUP]", show_default=False)
    ] = "",
    history: Annotated[
        bool, typer.Option("--history", help="Also those that have been, of the last weeks.")
    ] = False,
    as_json: options.Json = False,
    state: options.State = None,
    endpoint: options.At = "",
    ca: options.Ca = None,
) -> None:
    """Show who restarts, until when its lease holds, and who waits, for whom and what for."""
    client = Client(find_endpoint(state, endpoint, ca))
    found = list(reversed(slots(client, group, ended=history)))
    names = {machine.id: machine.name for machine in machines(client)}
    client.close()
    if as_json:
        print(json.dumps([asdict(one) for one in found], indent=2))
        return
    if not found:
        aside("Nobody restarts, and nobody waits.")
    for one in found:
        told = f"{with_names(one.told, names)}; {one.reason}"
        print(one.group, called(one.holder, names), told, sep="\t")
