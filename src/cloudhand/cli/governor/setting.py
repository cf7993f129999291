"""`cloudhand governor set`: how many machines of a group may restart at once."""

from __future__ import annotations

from typing import Annotated

import typer

from cloudhand.cli import options
from cloudhand.cli.client import Client
from cloudhand.cli.endpoint import find_endpoint

EPILOG = "Exit codes: 0 set; 2 not understood; 3 the control plane refused or could not be reached."
Name = Annotated[str, typer.Argument(help="Of the group.", metavar="GROUP")]


def command(
    group: Name,
    tag: Annotated[
        list[str] | None,
        typer.Option(help="KEY=VALUE of its machines; may be repeated. None: all machines."),
    ] = None,
    at_a_time: Annotated[
        str,
        typer.Option(help="So many machines, or such a share of them.", metavar="N|P%"),
    ] = "1",
    lease: Annotated[
        str,
        typer.Option(
            help="After this, one that did not come back lets the next one go; 5m to 7d.",
            metavar="SPAN",
        ),
    ] = "1h",
    restarts: Annotated[
        int, typer.Option(help="Of one machine within --within; more are refused.", min=1, max=1000)
    ] = 5,
    within: Annotated[str, typer.Option(help="See --restarts.", metavar="SPAN")] = "1h",
    ignore_offline: Annotated[
        bool,
        typer.Option(
            "--ignore-offline",
            help="Machines that are offline anyhow do not count as restarting.",
        ),
    ] = False,
    state: options.State = None,
    endpoint: options.At = "",
    ca: options.Ca = None,
) -> None:
    """Make a group whose machines restart no more than so many at a time, or change it.

    It holds for restarts by exit code, by RebootInstances, by `cloudhand reboot` and by templates.
    A machine waits for every group that it belongs to. What runs `reboot` by itself asks nobody.
    """
    tags = options.pairs(tag or (), "--tag")
    client = Client(find_endpoint(state, endpoint, ca))
    client.call(
        "SetGovernorGroup",
        {
            "GroupName": group,
            "Tag": [{"Key": key, "Value": value} for key, value in tags.items()],
            "Budget": at_a_time,
            "Lease": int(options.span(lease, "--lease").total_seconds()),
            "Restarts": restarts,
            "RestartsWithin": int(options.span(within, "--within").total_seconds()),
            "CountsOffline": not ignore_offline,
        },
    )
    client.close()
