"""`cloudhand governor remove`: let the machines of a group restart as they are asked to."""

from __future__ import annotations

from cloudhand.cli import options
from cloudhand.cli.client import Client
from cloudhand.cli.endpoint import find_endpoint
from cloudhand.cli.governor.setting import Name

EPILOG = (
    "Exit codes: 0 removed; 2 not understood; 3 there is none, or the control plane could not be"
    " reached."
)


def command(
    group: Name,
    state: options.State = None,
    endpoint: options.At = "",
    ca: options.Ca = None,
) -> None:
    """Remove a group. Who waits in it restarts within seconds."""
    client = Client(find_endpoint(state, endpoint, ca))
    client.call("DeleteGovernorGroup", {"GroupName": group})
    client.close()
