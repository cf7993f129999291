"""`cloudhand account others`: the accounts beside the first."""

from __future__ import annotations

import json

from cloudhand.cli import options
from cloudhand.cli.account import people
from cloudhand.cli.client import Client
from cloudhand.cli.endpoint import find_endpoint

EPILOG = (
    "Exit codes: 0 done; 2 not understood; 3 the control plane refused or could not be reached."
)
_COLUMNS = ("account", "id", "opened")


def command(
    as_json: options.Json = False,
    state: options.State = None,
    endpoint: options.At = "",
    ca: options.Ca = None,
) -> None:
    """List the accounts that were opened beside the first one, which alone may ask."""
    client = Client(find_endpoint(state, endpoint, ca))
    found = [
        {"name": one["AccountName"], "id": one["AccountId"], "opened": one["CreateDate"]}
        for one in people.pages(client, "ListAccounts", "Accounts", "Account")
    ]
    client.close()
    if as_json:
        print(json.dumps(found, indent=2))
        return
    print(*_COLUMNS, sep="\t")
    for one in found:
        print(*one.values(), sep="\t")
