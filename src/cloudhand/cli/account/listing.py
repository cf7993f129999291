"""`cloudhand account list`: users and roles, with their policies and keys."""

from __future__ import annotations

import json
from dataclasses import asdict

from cloudhand.cli import options
from cloudhand.cli.account import people
from cloudhand.cli.account.people import Key
from cloudhand.cli.client import Client
from cloudhand.cli.endpoint import find_endpoint

EPILOG = (
    "Exit codes: 0 done; 2 not understood; 3 the control plane refused or could not be reached."
)
_COLUMNS = ("who", "kind", "policies", "keys")


def command(
    as_json: options.Json = False,
    state: options.State = None,
    endpoint: options.At = "",
    ca: options.Ca = None,
) -> None:
    """List the users and roles of the account, with their policies and access keys.

    The owner, whose key the control plane made at its first start, may do everything, and is not
    among them.
    """
    client = Client(find_endpoint(state, endpoint, ca))
    found = people.everybody(client)
    client.close()
    if as_json:
        print(json.dumps([asdict(one) for one in found], indent=2))
        return
    print(*_COLUMNS, sep="\t")
    for one in found:
        policies = ", ".join(sorted(one.policies)) or "none"
        print(one.name, one.kind.lower(), policies, ", ".join(map(_told, one.keys)), sep="\t")


def _told(key: Key) -> str:
    return key.id if key.active else f"{key.id} (off)"
