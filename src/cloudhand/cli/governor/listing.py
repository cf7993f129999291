"""`cloudhand governor list`: the groups, and how much of each budget is used."""

from __future__ import annotations

import json
from typing import Any

from cloudhand.cli import options
from cloudhand.cli.client import Client
from cloudhand.cli.endpoint import find_endpoint
from cloudhand.cli.following import aside

EPILOG = (
    "Exit codes: 0 done; 2 not understood; 3 the control plane refused or could not be reached."
)
_COLUMNS = ("group", "machines", "at a time", "restart", "wait", "tags")


def command(
    as_json: options.Json = False,
    state: options.State = None,
    endpoint: options.At = "",
    ca: options.Ca = None,
) -> None:
    """List the groups: their machines, how many may restart at a time, do now, and wait."""
    client = Client(find_endpoint(state, endpoint, ca))
    found = client.call("DescribeGovernorGroups", {})["Groups"]
    client.close()
    if as_json:
        print(json.dumps([_entry(one) for one in found], indent=2))
        return
    if not found:
        aside("Nothing is governed: machines restart as they are asked to.")
        return
    print(*_COLUMNS, sep="\t")
    for one in found:
        share = f" ({one['Budget']})" if one["Budget"].endswith("%") else ""
        tags = ", ".join(f"{key}={value}" for key, value in _tags(one).items()) or "all machines"
        counts = one["MemberCount"], f"{one['Room']}{share}", one["HeldCount"], one["WaitingCount"]
        print(one["GroupName"], *counts, tags, sep="\t")


def _tags(one: dict[str, Any]) -> dict[str, str]:
    return {tag["TagKey"]: tag["TagValue"] for tag in one["Tags"]["Tag"]}


def _entry(one: dict[str, Any]) -> dict[str, Any]:
    return {
        "group": one["GroupName"],
        "tags": _tags(one),
        "machines": one["MemberCount"],
        "budget": one["Budget"],
        "atATime": one["Room"],
        "restarting": one["HeldCount"],
        "waiting": one["WaitingCount"],
        "leaseSeconds": one["Lease"],
        "restarts": one["Restarts"],
        "withinSeconds": one["RestartsWithin"],
        "countsOffline": one["CountsOffline"],
        "fleetLock": one["FleetLock"],
    }
