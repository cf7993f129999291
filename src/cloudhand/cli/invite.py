"""`cloudhand invite`: the line that makes a machine one of ours."""

from __future__ import annotations

import shlex
from typing import Annotated

import typer

from cloudhand.cli import joining, options
from cloudhand.cli.client import Client
from cloudhand.cli.endpoint import find_endpoint

EPILOG = (
    "Exit codes: 0 made; 2 not understood, or other machines cannot reach the control plane; 3 the"
    " control plane refused or could not be reached."
)
_PIN = "x-cloudhand-pin"


def command(
    count: Annotated[int, typer.Option(help="Machines that may join.", min=1, max=1000)] = 10,
    hours: Annotated[int, typer.Option(help="For how long they may.", min=1, max=4)] = 4,
    name: Annotated[
        str, typer.Option(help="They are called NAME-001 and so on; else as their hosts are.")
    ] = "",
    tag: Annotated[
        list[str] | None, typer.Option(help="KEY=VALUE that they have; may be repeated.")
    ] = None,
    from_: Annotated[
        str, typer.Option("--from", help="Addresses that may join, such as 10.0.0.0/8.")
    ] = "",
    at: joining.At = "",
    state: options.State = None,
    endpoint: options.At = "",
    ca: options.Ca = None,
) -> None:
    """Make an activation, and print the line with which machines join: paste it on each of them.

    It installs the agent, which comes with it, under systemd, and joins. Who has the line may join
    until the hours are over; `https` control planes are known by their key, which stands in it.
    """
    given = options.pairs(tag or (), "--tag")
    tags = [{"Key": key, "Value": value} for key, value in given.items()]
    client = Client(find_endpoint(state, endpoint, ca))
    url = joining.address(client.endpoint, at)
    pin = client.fetch(joining.PATH)[1].get(_PIN, "") if url.startswith("https:") else ""
    wanted = {
        "InstanceCount": count,
        "TimeToLiveInHours": hours,
        "Tag": tags,
        **({"InstanceName": name} if name else {}),
        **({"IpAddressRange": from_} if from_ else {}),
    }
    made = client.call("CreateActivation", wanted)
    client.close()
    script = shlex.quote(url + joining.installer(made))
    known = f" --insecure --pinnedpubkey {shlex.quote(pin)}" if pin else ""
    print(f"curl -fsS{known} {script} | sudo sh")
