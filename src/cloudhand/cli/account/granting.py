"""`cloudhand account grant` and `revoke`: attach a policy to somebody, or take it off."""

from __future__ import annotations

from typing import Annotated

import typer

from cloudhand.cli import options
from cloudhand.cli.account import people
from cloudhand.cli.client import Client
from cloudhand.cli.endpoint import find_endpoint
from cloudhand.cli.errors import Mistake

EPILOG = (
    "Exit codes: 0 it is so now; 2 not understood, or there is none of that name; 3 the control"
    " plane refused or could not be reached."
)
PolicyName = Annotated[
    str, typer.Argument(help="As `account policies` tells it.", metavar="POLICY")
]


def grant(
    name: people.Name,
    policy: PolicyName,
    role: people.IsRole = False,
    state: options.State = None,
    endpoint: options.At = "",
    ca: options.Ca = None,
) -> None:
    """Let a user, or a role, do what a policy allows."""
    client = Client(find_endpoint(state, endpoint, ca))
    person = people.find(client, people.kind_of(role), name)
    if policy not in person.policies:
        people.attach(client, person.kind, name, people.meant(client, [policy]))
    client.close()


def revoke(
    name: people.Name,
    policy: PolicyName,
    role: people.IsRole = False,
    state: options.State = None,
    endpoint: options.At = "",
    ca: options.Ca = None,
) -> None:
    """Take a policy from a user, or a role; it holds from their next request on."""
    client = Client(find_endpoint(state, endpoint, ca))
    person = people.find(client, people.kind_of(role), name)
    if policy not in person.policies:
        told = ", ".join(sorted(person.policies)) or "none"
        raise Mistake(f"{name} has no policy {policy}: it has {told}")
    people.detach(client, person, policy)
    client.close()
