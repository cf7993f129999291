"""`cloudhand notify test`: send a message, and say whether it arrived."""

from __future__ import annotations

import sys
import time

from cloudhand.cli import options
from cloudhand.cli.client import Client
from cloudhand.cli.endpoint import find_endpoint
from cloudhand.cli.notify import channels

EPILOG = (
    "Exit codes: 0 it arrived; 1 it did not; 2 not understood, or there is none of that name;"
    " 3 the control plane refused or could not be reached; 130 interrupted."
)
_EVERY = 0.25  # seconds
_BOUND = 30  # seconds; the control plane waits 10 for an answer


def command(
    name: channels.Name,
    state: options.State = None,
    endpoint: options.At = "",
    ca: options.Ca = None,
) -> None:
    """Send a test message by a channel now, once, and wait for what comes of it."""
    client = Client(find_endpoint(state, endpoint, ca))
    message_id = channels.call(client, "TestNotificationChannel", name)["MessageId"]
    outcome = _outcome(client, name, message_id)
    client.close()
    if outcome:
        print(f"not delivered: {outcome}", file=sys.stderr)
        sys.exit(1)
    print("delivered")


def _outcome(client: Client, name: str, message_id: str) -> str:
    """Why it did not arrive; empty: it did."""
    end = time.monotonic() + _BOUND
    while time.monotonic() < end:
        found = next((one for one in channels.all_of(client) if one["ChannelName"] == name), None)
        if found is None:
            return "the channel has been removed"
        if found["Test"]["MessageId"] != message_id:
            return "somebody else tests it, too: try again"
        if found["Test"]["Status"] != "Waiting":
            return str(found["Test"]["Error"])
        time.sleep(_EVERY)
    return f"nothing came of it within {_BOUND} s"
