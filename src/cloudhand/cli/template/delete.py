"""`cloudhand template delete`: delete a stored template."""

from __future__ import annotations

from typing import Annotated

import typer

from cloudhand.cli import options
from cloudhand.cli.client import Client
from cloudhand.cli.endpoint import find_endpoint
from cloudhand.cli.errors import ApiError, Mistake
from cloudhand.cli.template import executions

EPILOG = (
    "Exit codes: 0 deleted; 2 not understood, or there is none of that name; 3 the control plane"
    " refused or could not be reached."
)


def command(
    name: Annotated[str, typer.Argument(help="As `template list` tells it.", metavar="NAME")],
    with_executions: Annotated[
        bool, typer.Option("--executions", help="Its executions that have ended, too.")
    ] = False,
    state: options.State = None,
    endpoint: options.At = "",
    ca: options.Ca = None,
) -> None:
    """Delete a stored template with all its versions.

    What executes it goes on, with the text that it began with.
    """
    client = Client(find_endpoint(state, endpoint, ca))
    try:
        executions.call(
            client,
            "DeleteTemplate",
            TemplateName=name,
            AutoDeleteExecutions=str(with_executions).lower(),
        )
    except ApiError as error:
        if error.code != "EntityNotExists.Template":
            raise
        listed = client.endpoint.command("template list")
        raise Mistake(f"there is no stored template {name}: {listed} lists them") from None
    finally:
        client.close()
