"""`cloudhand notify remove`: tell somebody nothing any more."""

from __future__ import annotations

from cloudhand.cli import options
from cloudhand.cli.client import Client
from cloudhand.cli.endpoint import find_endpoint
from cloudhand.cli.notify import channels

EPILOG = (
    "Exit codes: 0 removed; 2 not understood, or there is none of that name; 3 the control plane"
    " refused or could not be reached."
)


def command(
    name: channels.Name,
    state: options.State = None,
    endpoint: options.At = "",
    ca: options.Ca = None,
) -> None:
    """Remove a channel, with what it was still to be told."""
    client = Client(find_endpoint(state, endpoint, ca))
    channels.call(client, "DeleteNotificationChannel", name)
    client.close()
