"""`cloudhand invite`: the line that makes a machine one of ours."""

from __future__ import annotations

import shlex
from typing import Annotated
from urllib.parse import urlencode, urlsplit

import typer

from cloudhand.cli import options
from cloudhand.cli.client import Client
from cloudhand.cli.endpoint import Endpoint, find_endpoint
from cloudhand.cli.errors import Mistake

EPILOG = (
    "Exit codes: 0 made; 2 not understood, or other machines cannot reach the control plane; 3 the"
    " control plane refused or could not be reached."
)
_PATH = "/install.sh"
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
    at: Annotated[
        str,
        typer.Option(
            help="URL by which they reach the control plane; else as `serve --name` said.",
            metavar="URL",
        ),
    ] = "",
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
    url = (at or _reachable(client.endpoint)).rstrip("/")
    if urlsplit(url).scheme not in ("http", "https"):
        raise Mistake(f"{url} is no address: write http://HOST:PORT or https://HOST:PORT")
    pin = client.fetch(_PATH)[1].get(_PIN, "") if url.startswith("https:") else ""
    wanted = {
        "InstanceCount": count,
        "TimeToLiveInHours": hours,
        "Tag": tags,
        **({"InstanceName": name} if name else {}),
        **({"IpAddressRange": from_} if from_ else {}),
    }
    made = client.call("CreateActivation", wanted)
    client.close()
    asked = {"activation": made["ActivationId"], "code": made["ActivationCode"]}
    script = shlex.quote(f"{url}{_PATH}?{urlencode(asked)}")
    known = f" --insecure --pinnedpubkey {shlex.quote(pin)}" if pin else ""
    print(f"curl -fsS{known} {script} | sudo sh")


def _reachable(endpoint: Endpoint) -> str:
    if endpoint.public_url:
        return endpoint.public_url
    host = urlsplit(endpoint.url).hostname or ""
    if endpoint.state is None and host not in ("localhost", "127.0.0.1", "::1"):
        return endpoint.url
    raise Mistake(
        f"it listens at {endpoint.url}, where other machines do not reach it: start it with"
        " `cloudhand serve --listen 0.0.0.0:8650 --tls --name HOST`, or say --at URL"
    )
