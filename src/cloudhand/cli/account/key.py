"""`cloudhand account key`: make, switch off, switch on or delete an access key."""

from __future__ import annotations

from typing import Annotated

import typer

from cloudhand.cli import options
from cloudhand.cli.account import people
from cloudhand.cli.client import Client
from cloudhand.cli.endpoint import find_endpoint
from cloudhand.cli.errors import Mistake

EPILOG = (
    "Exit codes: 0 done; 2 not understood, or there is no such user or key; 3 the control plane"
    " refused or could not be reached."
)


def command(
    name: Annotated[str, typer.Argument(help="Of the user; yourself, unless one is named.")] = "",
    disable: Annotated[str, typer.Option(help="Switch this one off.", metavar="KEY")] = "",
    enable: Annotated[str, typer.Option(help="Switch this one on again.", metavar="KEY")] = "",
    delete: Annotated[str, typer.Option(help="Delete this one.", metavar="KEY")] = "",
    state: options.State = None,
    endpoint: options.At = "",
    ca: options.Ca = None,
) -> None:
    """Make another access key and print it; or switch one off, on, or delete it.

    A user has two at most; the owner of the account any number. To change one: make the second,
    use it, then delete the first.
    """
    if sum(map(bool, (disable, enable, delete))) > 1:
        raise Mistake("name one of --disable, --enable, --delete")
    meant = disable or enable or delete
    client = Client(find_endpoint(state, endpoint, ca))
    person = people.find(client, "User", name) if name else None
    ids = [key.id for key in (person.keys if person else people.keys(client, ""))]
    if not meant:
        if person and len(ids) > 1:
            raise Mistake(f"{name} has two keys already: delete one of {', '.join(ids)}")
        people.new_key(client, name)
    elif meant not in ids:
        has = f"{name} has" if name else "you have"
        raise Mistake(f"{has} no key {meant}: {', '.join(ids) or 'none at all'}")
    elif delete:
        people.call(client, "DeleteAccessKey", UserName=name, UserAccessKeyId=delete)
    else:
        status = "Active" if enable else "Inactive"
        people.call(client, "UpdateAccessKey", UserName=name, UserAccessKeyId=meant, Status=status)
    client.close()
