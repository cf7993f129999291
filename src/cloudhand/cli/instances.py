"""`cloudhand instances`"""

from __future__ import annotations

import json
import sys
from typing import Any

from cloudhand.cli import options
from cloudhand.cli.client import Client
from cloudhand.cli.endpoint import find_endpoint
from cloudhand.cli.errors import ApiError
from cloudhand.cli.fleet import Machine, machines
from cloudhand.cli.following import aside
from cloudhand.cli.governor.slots import slots
from cloudhand.cli.people import called, with_names

EPILOG = (
    "Exit codes: 0 done; 2 not understood; 3 the control plane refused or could not be reached."
)
_COLUMNS = ("instance", "name", "status", "agent", "version", "boot", "tags")
_NONE = (
    "No instances. `cloudhand call RunInstances Amount=1` makes one, `cloudhand agent register` has"
    " a machine join, and `cloudhand up --fleet 3` starts a control plane with three."
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
    waiting = [] if as_json else _waiting(client, found)
    client.close()
    if as_json:
        print(json.dumps([_entry(machine) for machine in found], indent=2))
    elif not found:
        print(_NONE, file=sys.stderr)
    elif sys.stdout.isatty():
        _table(found)
    else:
        print(*_COLUMNS, sep="\t")
        for machine in found:
            print(*_cells(machine), sep="\t")
    for text in waiting:
        aside(text)


def _waiting(client: Client, found: list[Machine]) -> list[str]:
    """Which of those that are to restart wait for others, and work until then."""
    names = {machine.id: machine.name for machine in found}
    starting = {machine.id for machine in found if machine.status == "Starting"}
    try:
        queue = slots(client) if starting else []
    except ApiError:  # who asks may not know
        return []
    return [
        f"{called(one.holder, names)} {with_names(one.waits_for, names)}, and works until then"
        for one in queue
        if one.status == "Waiting" and one.holder in starting
    ]


def _table(found: list[Machine]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for column in _COLUMNS:  # ids are to be copied whole; tags may take more lines
        table.add_column(column, no_wrap=column != "tags", overflow="fold")
    for machine in found:
        row = [Text(cell) for cell in _cells(machine)]
        row[3].stylize("green" if machine.online and not machine.cloned else "red")
        table.add_row(*row)
    Console().print(table)


def _cells(machine: Machine) -> tuple[str, ...]:
    """As the columns are named; a boot by the beginning of its id."""
    online = "cloned" if machine.cloned else "online" if machine.online else "offline"
    tags = " ".join(f"{key}={value}" for key, value in sorted(machine.tags.items()))
    named = (machine.id, machine.name, machine.status)
    return (*named, online, machine.version, machine.boot_id[:8], tags)


def _entry(machine: Machine) -> dict[str, Any]:
    return {
        "instanceId": machine.id,
        "name": machine.name,
        "status": machine.status,
        "online": machine.online,
        "cloned": machine.cloned,
        "agentVersion": machine.version,
        "bootId": machine.boot_id,
        "lastHeartbeat": machine.heartbeat_at,
        "tags": machine.tags,
    }
