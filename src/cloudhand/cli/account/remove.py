"""`cloudhand account remove`: delete a user with all keys, or a role."""

from __future__ import annotations

from cloudhand.cli import options
from cloudhand.cli.account import people
from cloudhand.cli.client import Client
from cloudhand.cli.endpoint import find_endpoint

EPILOG = (
    "Exit codes: 0 deleted; 2 not understood, or there is none of that name; 3 the control plane"
    " refused or could not be reached."
)


def command(
    name: people.Name,
    role: people.IsRole = False,
    state: options.State = None,
    endpoint: options.At = "",
    ca: options.Ca = None,
) -> None:
    """Delete a user with all their access keys, or a role.

    What they have started goes on, but its next call of an operation is refused.
    """
    client = Client(find_endpoint(state, endpoint, ca))
    person = people.find(client, people.kind_of(role), name)
    for key in person.keys:
        people.call(client, "DeleteAccessKey", UserName=name, UserAccessKeyId=key.id)
    for policy in person.policies:
        people.detach(client, person, policy)
    people.call(client, f"Delete{person.kind}", **{f"{person.kind}Name": name})
    client.close()
