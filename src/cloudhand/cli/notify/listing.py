"""`cloudhand notify list`: who is told of what goes wrong, and whether messages arrive."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from cloudhand.cli import options
from cloudhand.cli.client import Client
from cloudhand.cli.endpoint import find_endpoint
from cloudhand.cli.notify import channels

EPILOG = (
    "Exit codes: 0 done; 2 not understood; 3 the control plane refused or could not be reached."
)
_COLUMNS = ("channel", "to", "on", "waiting", "delivered (UTC)", "state")


def command(
    as_json: options.Json = False,
    state: options.State = None,
    endpoint: options.At = "",
    ca: options.Ca = None,
) -> None:
    """List the channels, what waits to be told, and why the last message did not arrive."""
    client = Client(find_endpoint(state, endpoint, ca))
    found = channels.all_of(client)
    client.close()
    if as_json:
        print(json.dumps([_entry(one) for one in found], indent=2, ensure_ascii=False))
        return
    if not found:
        print(
            "Nobody is told of anything: `cloudhand notify add` has somebody told.", file=sys.stderr
        )
        return
    print(*_COLUMNS, sep="\t")
    for one in found:
        print(
            one["ChannelName"],
            f"{one['Kind']} {one['Host']}",
            ",".join(one["Events"]),
            one["WaitingCount"],
            _moment(one["LastSuccessTime"]) or "never",
            _state(one),
            sep="\t",
        )


def _state(one: Mapping[str, Any]) -> str:
    lost = f"; {one['GivenUpCount']} events given up" if one["GivenUpCount"] else ""
    if one["LastErrorTime"] <= one["LastSuccessTime"]:
        return f"{'well' if one['LastSuccessTime'] else 'never tried'}{lost}"
    at = _moment(one["NextTryTime"])
    again = f", tried again at {at}" if at else ""
    return f"{one['LastError']} (at {_moment(one['LastErrorTime'])}{again}){lost}"


def _moment(text: str) -> str:
    return text[:19].replace("T", " ")


def _entry(one: Mapping[str, Any]) -> dict[str, Any]:
    test = one.get("Test")
    return {
        "name": one["ChannelName"],
        "kind": one["Kind"],
        "host": one["Host"],
        "signed": one["Signed"],
        "events": one["Events"],
        "language": one["Language"],
        "createdAt": one["CreationTime"],
        "waiting": one["WaitingCount"],
        "tries": one["Tries"],
        "nextTryAt": one["NextTryTime"],
        "givenUp": one["GivenUpCount"],
        "lastSuccessAt": one["LastSuccessTime"],
        "lastErrorAt": one["LastErrorTime"],
        "lastError": one["LastError"],
        "test": {"id": test["MessageId"], "status": test["Status"]} if test else None,
    }
