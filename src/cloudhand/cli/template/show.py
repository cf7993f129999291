"""`cloudhand template show`: how an execution is, or what was executed last."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from cloudhand.cli import options
from cloudhand.cli.client import Client
from cloudhand.cli.endpoint import find_endpoint
from cloudhand.cli.following import aside
from cloudhand.cli.template import executions, telling
from cloudhand.cli.template.executions import Execution, Log
from cloudhand.cli.template.following import Following

EPILOG = (
    "Exit codes: 0 it has succeeded, or waits for its trigger; 1 it has not, or not yet; 2 not"
    " understood; 3 the control plane refused or could not be reached; 130 interrupted."
)
_NEWEST = 20
_COLUMNS = ("execution", "created", "status", "template")
_FIRINGS = 10  # of a trigger that are told; --json has more
_LOGS = 30  # lines that are told; --json has all


def command(
    execution: Annotated[
        str, typer.Argument(help="Its id; none lists the newest.", metavar="[EXECUTION]")
    ] = "",
    go_on: Annotated[
        bool, typer.Option("--follow", help="Follow it to its end, as `template run` does.")
    ] = False,
    as_json: options.Json = False,
    state: options.State = None,
    endpoint: options.At = "",
    ca: options.Ca = None,
) -> None:
    """Show how an execution is: its tasks as a tree, what it waits for, its outputs and its log.

    Without an id it lists what was executed last. Ctrl-C ends only the looking.
    """
    client = Client(find_endpoint(state, endpoint, ca))
    try:
        if not execution:
            _list(client, as_json=as_json)
            return
        found = _shown(client, execution, go_on=go_on, as_json=as_json)
    finally:
        client.close()
    sys.exit(0 if found.status == "Success" or found.triggered else 1)


def _shown(client: Client, execution_id: str, *, go_on: bool, as_json: bool) -> Execution:
    found = executions.find(client, execution_id)
    following = Following(client, as_json=as_json)
    if go_on:
        found = following.to_the_end(execution_id)
    entries = executions.logs(client, execution_id)
    fired = executions.firings(client, found)
    if as_json:
        document = {
            **following.document(found),
            "firings": [telling.summary(one) for one in fired],
            "log": [_entry(one) for one in entries],
        }
        print(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        following.show(found)
        _tell_firings(fired)
        _tell_log(entries)
        for sentence in telling.waits(client.endpoint, found, following.names):
            aside(sentence)
        if not found.final and not found.triggered:
            aside(executions.goes_on(client, execution_id))
    return found


def _entry(one: Log) -> dict[str, str]:
    return {"at": one.at, "taskExecutionId": one.task_id, "message": one.message}


def _tell_firings(fired: Sequence[Execution]) -> None:
    if fired:
        print("  fired, the newest first:")
    for one in fired[:_FIRINGS]:
        message = f": {one.message}" if one.message else ""
        print(f"    {one.created_at} {one.id} {one.status}{message}")


def _tell_log(entries: Sequence[Log]) -> None:
    left_out = len(entries) - _LOGS
    print("  log:")
    if left_out > 0:
        print(f"    … {left_out} earlier entries; --json has them …")
    for entry in entries[-_LOGS:]:
        print(f"    {entry.at} {entry.message}")


def _list(client: Client, *, as_json: bool) -> None:
    found = executions.newest(client, _NEWEST)
    if as_json:
        print(json.dumps([telling.summary(one) for one in found], indent=2))
        return
    if not found:
        run = client.endpoint.command("template run FILE")
        aside(f"Nothing was executed yet: {run} executes a template")
        return
    print(*_COLUMNS, sep="\t")
    for one in found:
        waits = f" ({one.waits_for})" if one.waits_for else ""
        print(one.id, one.created_at, f"{one.status}{waits}", one.template, sep="\t")
