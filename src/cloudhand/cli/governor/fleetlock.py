"""`cloudhand governor fleetlock`: have other tools share a group's budget."""

from __future__ import annotations

from typing import Annotated

import typer

from cloudhand.cli import options
from cloudhand.cli.client import Client
from cloudhand.cli.endpoint import find_endpoint
from cloudhand.cli.following import aside
from cloudhand.cli.governor.setting import Name

EPILOG = (
    "Exit codes: 0 done; 2 not understood; 3 there is no such group, or the control plane could not"
    " be reached."
)


def command(
    group: Name,
    off: Annotated[bool, typer.Option("--off", help="No other tool may ask any more.")] = False,
    state: options.State = None,
    endpoint: options.At = "",
    ca: options.Ca = None,
) -> None:
    """Print the base URL by which tools that speak FleetLock ask for slots of a group.

    It is told once, and ends an earlier one: whoever knows it may take slots of the group.
    """
    client = Client(find_endpoint(state, endpoint, ca))
    answer = client.call("ResetFleetLockToken", {"GroupName": group, "Closed": off})
    client.close()
    if off:
        return
    print(f"{client.endpoint.public_url or client.endpoint.url}{answer['BasePath']}")
    aside(
        f'Tools call it base_url, with group = "{group}".'
        " An address that was told before is good no longer."
    )
