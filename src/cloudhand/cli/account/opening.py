"""`cloudhand account open`: another account, beside the first."""

from __future__ import annotations

from typing import Annotated

import typer

from cloudhand.cli import options
from cloudhand.cli.account import people
from cloudhand.cli.client import Client
from cloudhand.cli.endpoint import find_endpoint
from cloudhand.cli.errors import ApiError, Mistake

EPILOG = (
    "Exit codes: 0 opened; 2 not understood, or the name is taken; 3 the control plane refused or"
    " could not be reached."
)


def command(
    name: Annotated[str, typer.Argument(help="Lower-case letters, digits and -.")],
    state: options.State = None,
    endpoint: options.At = "",
    ca: options.Ca = None,
) -> None:
    """Open an account with instances, commands, users and all else of its own, and print its key.

    Nothing of one account can be seen from another; but its owner can make roles that let in those
    of another. The secret of the key, which is the owner's, is told this once.
    """
    client = Client(find_endpoint(state, endpoint, ca))
    try:
        made = people.call(client, "CreateAccount", AccountName=name)
    except ApiError as error:
        if error.code != "EntityAlreadyExists.Account":
            raise
        raise Mistake(f"there is an account {name} already") from None
    people.print_key(client, made["AccessKey"])
    client.close()
