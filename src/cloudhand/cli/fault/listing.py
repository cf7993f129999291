"""`cloudhand fault list`: what goes wrong on purpose."""

from __future__ import annotations

import json
import sys
from typing import Any

from cloudhand.cli import options
from cloudhand.cli.client import Client
from cloudhand.cli.endpoint import find_endpoint
from cloudhand.cli.fleet import machines

EPILOG = "Exit codes: 0 told; 3 the control plane refused or could not be reached."
_LINE = "{:<14}  {:<9}  {:>10}  {:>7}  {:>6}  {:<20}  {}"


def command(
    as_json: options.Json = False,
    state: options.State = None,
    endpoint: options.At = "",
    ca: options.Ca = None,
) -> None:
    """List the faults that are not over, and how often each has struck."""
    client = Client(find_endpoint(state, endpoint, ca))
    faults = client.call("DescribeFaults", {})["Faults"]
    names = {machine.id: machine.name for machine in machines(client)}
    client.close()
    if as_json:
        print(json.dumps([_entry(one) for one in faults], indent=2))
        return
    if not faults:
        print("Nothing goes wrong on purpose.", file=sys.stderr)
        return
    print(_LINE.format("fault", "kind", "value", "percent", "struck", "until (UTC)", "machines"))
    for one in faults:
        struck = f"{one['StruckCount']}/{one['Times']}" if one["Times"] else one["StruckCount"]
        until = one["EndTime"][:19].replace("T", " ") or "it is cleared"
        on = ", ".join(names.get(i, i) for i in one["InstanceIds"]) or "all"
        values = one["FaultId"], one["Kind"], one["Value"] or "-", one["Percent"], struck, until, on
        print(_LINE.format(*values))


def _entry(one: dict[str, Any]) -> dict[str, Any]:
    return {
        "faultId": one["FaultId"],
        "kind": one["Kind"],
        "value": one["Value"],
        "percent": one["Percent"],
        "seed": one["Seed"],
        "times": one["Times"],
        "struck": one["StruckCount"],
        "until": one["EndTime"],
        "instanceIds": one["InstanceIds"],
    }
