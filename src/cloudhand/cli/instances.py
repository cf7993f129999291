"""`cloudhand instances`"""

from __future__ import annotations

import json
import sys

from cloudhand.cli import options
from cloudhand.cli.client import Client
from cloudhand.cli.endpoint import find_endpoint
from cloudhand.cli.fleet import Machine, machines


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
    elif sys.stdout.isatty():
        _table(found)
    else:
        for machine in found:
            online = "online" if machine.online else "offline"
            print(machine.id, machine.name, machine.status, online, sep="\t")


def _table(found: list[Machine]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in ("instance", "name", "status", "agent", "tags"):
        table.add_column(column)
    for machine in found:
        agent = f"[green]online[/] {machine.version}" if machine.online else "[red]offline[/]"
        tags = " ".join(f"{key}={value}" for key, value in machine.tags.items())
        table.add_row(machine.id, machine.name, machine.status, agent, tags)
    Console().print(table if found else "No instances. Make some with: cloudhand up --fleet 3")
