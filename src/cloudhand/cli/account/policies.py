"""`cloudhand account policies` and `policy`: which policies there are, and a new one."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from cloudhand.cli import options
from cloudhand.cli.account import people
from cloudhand.cli.client import Client
from cloudhand.cli.endpoint import find_endpoint
from cloudhand.cli.errors import ApiError, Mistake

EPILOG = (
    "Exit codes: 0 done; 2 not understood, not read, or it is no policy; 3 the control plane"
    " refused or could not be reached."
)
_COLUMNS = ("policy", "type", "attached", "description")
_TAKEN = "EntityAlreadyExists.Policy"
_CHANGING = "; --replace changes it, for all who have it"
_BAD = ("MalformedPolicyDocument", _TAKEN, "EntityNotExist.Policy",
        "DeleteConflict.")  # fmt: skip


def policies(
    as_json: options.Json = False,
    state: options.State = None,
    endpoint: options.At = "",
    ca: options.Ca = None,
) -> None:
    """List the policies that can be granted: those that come with the account, and your own."""
    client = Client(find_endpoint(state, endpoint, ca))
    found = list(people.policies(client))
    client.close()
    if as_json:
        print(json.dumps([_entry(one) for one in found], indent=2))
        return
    print(*_COLUMNS, sep="\t")
    for one in map(_entry, found):
        print(*one.values(), sep="\t")


def _entry(one: dict[str, object]) -> dict[str, object]:
    return {
        "name": one["PolicyName"],
        "type": one["PolicyType"],
        "attached": one["AttachmentCount"],
        "description": one["Description"],
    }


def policy(
    name: Annotated[str, typer.Argument(help="Of the policy.")],
    file: Annotated[
        str, typer.Argument(help="JSON in the form of RAM; - reads the standard input.")
    ] = "",
    replace: Annotated[
        bool, typer.Option("--replace", help="Change one that there is, for all who have it.")
    ] = False,
    delete: Annotated[bool, typer.Option("--delete", help="Delete it instead.")] = False,
    state: options.State = None,
    endpoint: options.At = "",
    ca: options.Ca = None,
) -> None:
    """Make a policy of what stands in a file, for `cloudhand account grant`; or delete one."""
    if bool(file) is delete or (replace and delete):
        raise Mistake("name either a file, or --delete")
    document = "" if delete else people.read(file)
    client = Client(find_endpoint(state, endpoint, ca))
    try:
        if delete:
            people.call(client, "DeletePolicy", PolicyName=name)
        elif replace:
            said = {"PolicyName": name, "PolicyDocument": document, "SetAsDefault": "true"}
            people.call(client, "CreatePolicyVersion", **said)
        else:
            people.call(client, "CreatePolicy", PolicyName=name, PolicyDocument=document)
    except ApiError as error:
        if not error.code.startswith(_BAD):
            raise
        raise Mistake(f"{error}{_CHANGING if error.code == _TAKEN else ''}") from None
    finally:
        client.close()
