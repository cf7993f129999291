"""`cloudhand result`: what became of what was run earlier."""

from __future__ import annotations

import base64
import json
import shutil
import sys
from itertools import groupby
from typing import Annotated, Any

import typer

from cloudhand.cli import follow, options, waiting
from cloudhand.cli.client import Client
from cloudhand.cli.endpoint import find_endpoint
from cloudhand.cli.errors import Mistake
from cloudhand.cli.fleet import machines
from cloudhand.cli.follow import Result
from cloudhand.cli.following import Following, aside, goes_on
from cloudhand.cli.order import unknown
from cloudhand.cli.whole import show_whole

EPILOG = (
    "Exit codes: 0 every machine reports Success, and those that were to stop or restart did;"
    " 1 some machine does not, or not yet; 2 not understood; 3 the control plane refused or could"
    " not be reached; 130 interrupted."
)
_NEWEST = 20
_COLUMNS = ("invocation", "created (UTC)", "status", "machines", "script")
_LINE = "{:<20}  {:<14}  {:<13}  {:>8}  {}"
_WIDTH = 120  # of a line, where neither a terminal nor COLUMNS says


def command(
    invocation: Annotated[
        list[str] | None,
        typer.Argument(help="Its id, as `run` tells it; none lists the newest.", metavar="[t-...]"),
    ] = None,
    go_on: Annotated[
        bool, typer.Option("--follow", help="Follow it to its end, as `run` does.")
    ] = False,
    history: Annotated[
        bool, typer.Option("--history", help="Every run of what runs again, the last one last.")
    ] = False,
    whole: Annotated[
        bool,
        typer.Option(
            "--whole",
            help="All that the script said on one machine, as it is; else the last 24 KB.",
        ),
    ] = False,
    on: Annotated[str, typer.Option(help="With --whole: id or name of the machine.")] = "",
    as_json: options.Json = False,
    state: options.State = None,
    endpoint: options.At = "",
    ca: options.Ca = None,
) -> None:
    """Show what became of what was run earlier, or what it does now.

    Without an id it lists what was run last. Ctrl-C ends only the looking.
    """
    if history and (go_on or not invocation):
        raise Mistake("--history asks for an id, and shows what has been and not what comes")
    if whole and (history or as_json or len(invocation or ()) != 1):
        raise Mistake("--whole asks for one id, and shows an output alone")
    if on and not whole:
        raise Mistake("--on says whose output --whole shows")
    client = Client(find_endpoint(state, endpoint, ca))
    try:
        if not invocation:
            _list(client, as_json=as_json)
            return
        if whole and invocation:
            sys.exit(show_whole(client, invocation[0], on=on, go_on=go_on))
        if history:
            found = _history(client, invocation, as_json=as_json)
        else:
            found = _shown(client, invocation, go_on=go_on, as_json=as_json)
    finally:
        client.close()
    sys.exit(0 if all(result.ended and result.whole for result in found) else 1)


def _shown(client: Client, ids: list[str], *, go_on: bool, as_json: bool) -> list[Result]:
    found = known(client, ids)
    following = Following(client, machines(client), as_json=as_json)
    shown: list[Result] = []
    # In one document all together; for people each by itself.
    for some in [ids] if as_json else [[invoke_id] for invoke_id in ids]:
        if len(ids) > len(some):
            print(f"{some[0]}:", flush=True)
        if go_on:
            shown += following.to_the_end(some)
            continue
        its = following.looked([result for result in found if result.invoke_id in some])
        following.show(some, its)
        if not as_json:
            for sentence in waiting.tell(its, following.names):
                aside(sentence)
        shown += its
    going = sorted({result.invoke_id for result in shown if not result.settled})
    if going and not as_json:
        aside(goes_on(client, going))
    return shown


def _history(client: Client, ids: list[str], *, as_json: bool) -> list[Result]:
    known(client, ids)
    following = Following(client, machines(client), as_json=as_json)
    found = [run for one in ids for run in follow.results(client, one, with_history=True)]
    if as_json:
        following.show(ids, found)
        return found
    for (invoke_id, run), its in groupby(found, key=lambda result: (result.invoke_id, result.run)):
        print(f"{invoke_id}, run {run}:", flush=True)
        following.show([invoke_id], list(its))
    if not found:
        aside("It has not run yet.")
    return found


def known(client: Client, ids: list[str]) -> list[Result]:
    """The results as they are; Mistake if there was no such invocation."""
    found: list[Result] = []
    for invoke_id in ids:
        its = follow.results(client, invoke_id)
        if not its:
            raise Mistake(unknown(client, invoke_id))
        found += its
    return found


def _list(client: Client, *, as_json: bool) -> None:
    answer = client.call("DescribeInvocations", {"PageSize": _NEWEST, "PageNumber": 1})
    entries = [_entry(one) for one in answer["Invocations"]["Invocation"]]
    if as_json:
        print(json.dumps(entries, indent=2))
        return
    if not entries:
        run = f"cloudhand run{client.endpoint.options} -- uptime"
        print(f"Nothing was run yet. Try: {run}", file=sys.stderr)
        return
    width = shutil.get_terminal_size((_WIDTH, 0)).columns
    print(_LINE.format(*_COLUMNS)[:width])
    for entry in entries:
        created = entry["createdAt"][5:19].replace("T", " ")
        script = " ".join(entry["script"].split())
        count = len(entry["instanceIds"])
        line = _LINE.format(entry["invokeId"], created, entry["status"], count, script)
        print(line if len(line) <= width else f"{line[: width - 1]}…")


def _entry(one: dict[str, Any]) -> dict[str, Any]:
    targets = one["InvokeInstances"]["InvokeInstance"]
    ends = {target["InvocationStatus"] for target in targets}
    return {
        "invokeId": one["InvokeId"],
        "createdAt": one["CreationTime"],
        # What all share says more than that they failed.
        "status": ends.pop() if len(ends) == 1 else one["InvocationStatus"],
        "instanceIds": [target["InstanceId"] for target in targets],
        "script": base64.b64decode(one["CommandContent"]).decode("utf-8", "replace"),
    }
