"""`cloudhand account close`: close another account, with all that it has."""

from __future__ import annotations

from typing import Annotated

import typer

from cloudhand.cli import options
from cloudhand.cli.account import people
from cloudhand.cli.client import Client
from cloudhand.cli.endpoint import find_endpoint
from cloudhand.cli.errors import ApiError, Mistake

EPILOG = (
    "Exit codes: 0 closed; 2 not understood, there is none of that name, or it has instances; 3 the"
    " control plane refused or could not be reached."
)


def command(
    name: Annotated[str, typer.Argument(help="Of the account, as `account others` tells it.")],
    state: options.State = None,
    endpoint: options.At = "",
    ca: options.Ca = None,
) -> None:
    """Close an account, and delete its users, commands, results and all else that it has.

    While it has instances it stays: with a key of it, release them first, and deregister those that
    are managed.
    """
    client = Client(find_endpoint(state, endpoint, ca))
    try:
        people.call(client, "DeleteAccount", AccountName=name)
    except ApiError as error:
        if error.code == "EntityNotExist.Account":
            listing = client.endpoint.command("account others")
            raise Mistake(f"there is no account {name}: {listing} lists all") from None
        if error.code.startswith("DeleteConflict."):
            raise Mistake(f"cannot close {name}: {error}") from None
        raise
    client.close()
