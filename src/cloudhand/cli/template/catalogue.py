"""`cloudhand template list`: the templates that are stored, and those that come with Cloudhand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from cloudhand.cli import options
from cloudhand.cli.client import Client
from cloudhand.cli.endpoint import find_endpoint
from cloudhand.cli.following import aside
from cloudhand.cli.template import executions

EPILOG = (
    "Exit codes: 0 done; 2 not understood; 3 the control plane refused or could not be reached."
)
_PAGE = 100
_COLUMNS = ("template", "version", "whose", "executions", "changed")


def command(
    part: Annotated[
        str, typer.Argument(help="A part of their names; none lists all.", metavar="[NAME]")
    ] = "",
    as_json: options.Json = False,
    state: options.State = None,
    endpoint: options.At = "",
    ca: options.Ca = None,
) -> None:
    """List the templates that can be executed by their names: stored ones, and public ones."""
    client = Client(find_endpoint(state, endpoint, ca))
    found = [_entry(one) for one in _templates(client, part)]
    client.close()
    if as_json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return
    if not found:
        save = client.endpoint.command("template save FILE")
        aside(f"There is no such template: {save} stores one")
        return
    print(*_COLUMNS, sep="\t")
    for one in found:
        whose = "public" if one["public"] else "stored"
        count = "" if one["executions"] is None else one["executions"]
        print(one["name"], one["version"], whose, count, one["updatedAt"], sep="\t")


def _templates(client: Client, part: str) -> Iterator[dict[str, Any]]:
    wanted = {"TemplateName": part} if part else {}
    token = ""
    while True:
        more = {"NextToken": token} if token else {}
        page = executions.call(
            client,
            "ListTemplates",
            SortField="TemplateName",
            SortOrder="Ascending",
            MaxResults=_PAGE,
            **wanted,
            **more,
        )
        yield from page["Templates"]
        token = page["NextToken"]
        if not token:
            return


def _entry(one: dict[str, Any]) -> dict[str, Any]:
    public = one["ShareType"] == "Public"
    return {
        "name": one["TemplateName"],
        "version": one["TemplateVersion"],
        "public": public,
        "description": one["Description"],
        "executions": None if public else one["TotalExecutionCount"],
        "updatedAt": one["UpdatedDate"],
    }
