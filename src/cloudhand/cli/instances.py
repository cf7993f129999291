"""`cloudhand instances`"""

from __future__ import annotations

import json
import sys

from cloudhand.cli import options
from cloudhand.cli.client import Client
from cloudhand.cli.endpoint import find_endpoint
from cloudhand.cli.fleet import Machine, machines

EPILOG = (
    "Exit codes: 0 done; 2 not understood; 3 the control plane refused or could not be reached."
)
_COLUMNS = ("instance", "name", "status", "agent", "tags")
_NONE = (
    "No instances. RunInstances makes some, `cloudhand agent register` has a machine join, and"
    " `cloudhand up --fleet 3` starts a control plane with three."
)


def command(
    as_json: options.Json = False,
    state: options.State = None,
    endpoint: options.At = "",
    ca: options.Ca = None,
) -> None:
    """List instances of both kinds, with their state and whether their agent is online."""
    client = Client(find_endpoint(state, endpoint, ca))
    found = machines(client)
    client.close()
    if as_json:
        print(json.dumps([vars(machine) for machine in found], indent=2))
    elif not found:
        print(_NONE, file=sys.stderr)
    elif sys.stdout.isatty():
        _table(found)
    else:
        print(*_COLUMNS, sep="\t")
        for machine in found:
            online = "online" if machine.online else "offline"
            print(machine.id, machine.name, machine.status, online, _tags(machine), sep="\t")


def _table(found: list[Machine]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for column in _COLUMNS:
        table.add_column(column)
    for machine in found:
        agent = f"[green]online[/] {machine.version}" if machine.online else "[red]offline[/]"
        table.add_row(machine.id, Text(machine.name), machine.status, agent, Text(_tags(machine)))
    Console().print(table)


def _tags(machine: Machine) -> str:
    return " ".join(f"{key}={value}" for key, value in sorted(machine.tags.items()))
