"""`cloudhand account add`: make a user with an access key, or a role."""

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
    "Exit codes: 0 made; 2 not understood, or the name is taken; 3 the control plane refused or"
    " could not be reached."
)
# Who may take a role, unless it is said: executions of templates that name it.
_TRUST = {
    "Version": "1",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"Service": ["oos.aliyuncs.com"]},
        }
    ],
}


def command(
    name: people.Name,
    policy: Annotated[
        list[str] | None,
        typer.Option(
            help="What it may do, such as AliyunECSFullAccess or ReadOnlyAccess; may be repeated.",
            metavar="NAME",
        ),
    ] = None,
    role: people.IsRole = False,
    trust: Annotated[
        str,
        typer.Option(
            help="With --role, who may take it: a file with JSON in the form of RAM; - reads the"
            " standard input. Unless it is given, executions of templates that name it.",
            metavar="FILE",
        ),
    ] = "",
    state: options.State = None,
    endpoint: options.At = "",
    ca: options.Ca = None,
) -> None:
    """Make a user, and print an access key of theirs; or a role, which templates or others take.

    Without a policy a user may do nothing: `cloudhand account grant` gives one later. The secret of
    the key is told this once.
    """
    if trust and not role:
        raise Mistake("--trust says who may take a role: add --role")
    document = people.read(trust) if trust else json.dumps(_TRUST)
    client = Client(find_endpoint(state, endpoint, ca))
    kind = people.kind_of(role)
    wanted = people.meant(client, policy or ())
    more = {"AssumeRolePolicyDocument": document} if role else {}
    try:
        people.call(client, f"Create{kind}", **{f"{kind}Name": name}, **more)
    except ApiError as error:
        if error.code == "MalformedPolicyDocument":
            raise Mistake(str(error)) from None
        if not error.code.startswith("EntityAlreadyExists."):
            raise
        raise Mistake(f"there is a {kind.lower()} {name} already") from None
    people.attach(client, kind, name, wanted)
    if not role:
        people.new_key(client, name)
    client.close()
