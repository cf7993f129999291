"""`cloudhand template save`: store a template, or a new version of one."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated

import typer

from cloudhand.cli import options
from cloudhand.cli.client import Client
from cloudhand.cli.endpoint import find_endpoint
from cloudhand.cli.errors import ApiError, Mistake
from cloudhand.cli.template import executions, texts
from cloudhand.cli.template.validate import File
from cloudhand.orchestration.actions.library import Library

EPILOG = (
    "Exit codes: 0 stored; 1 the template is not valid; 2 not understood, or not read; 3 the"
    " control plane refused or could not be reached."
)
_STRANGE = re.compile(r"[^A-Za-z0-9_-]+")


def command(
    file: File,
    name: Annotated[
        str, typer.Option(help="Its name; that of the file if not said.", metavar="NAME")
    ] = "",
    as_json: options.Json = False,
    state: options.State = None,
    endpoint: options.At = "",
    ca: options.Ca = None,
) -> None:
    """Store a template under a name, or as a new version if there is one of that name.

    `cloudhand template run NAME` executes the newest version.
    """
    if not name and file == "-":
        raise Mistake("cannot name what comes from the standard input: add --name")
    text = texts.read(file)
    texts.parsed(file, text, Library({}))
    meant = name or _STRANGE.sub("-", Path(file).stem)
    client = Client(find_endpoint(state, endpoint, ca))
    version = _saved(client, meant, text)
    client.close()
    if as_json:
        print(json.dumps({"name": meant, "version": version}, indent=2))
    else:
        print(f"{meant} {version}")


def _saved(client: Client, name: str, text: str) -> str:
    """Its version."""
    order = {"TemplateName": name, "Content": text}
    try:
        made = executions.call(client, "CreateTemplate", **order)
    except ApiError as error:
        if error.code != "EntityAlreadyExists.Template":
            raise
        made = executions.call(client, "UpdateTemplate", **order)
    version: str = made["Template"]["TemplateVersion"]
    return version
