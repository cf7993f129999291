"""`cloudhand governor release`: take a machine's slot, or have it not restart."""

from __future__ import annotations

from typing import Annotated

import typer

from cloudhand.cli import options
from cloudhand.cli.client import Client
from cloudhand.cli.endpoint import find_endpoint
from cloudhand.cli.errors import ApiError, Mistake
from cloudhand.cli.fleet import machines
from cloudhand.cli.governor.slots import Slot, slots
from cloudhand.cli.people import called

EPILOG = (
    "Exit codes: 0 released; 2 not understood, or it has none; 3 the control plane refused or could"
    " not be reached."
)


def command(
    machine: Annotated[str, typer.Argument(help="Its id or name, or what another tool calls it.")],
    group: Annotated[str, typer.Option(help="Of this group alone.", show_default=False)] = "",
    state: options.State = None,
    endpoint: options.At = "",
    ca: options.Ca = None,
) -> None:
    """Let the next one go although a machine has not come back; or have one that waits by its exit
    code not restart."""
    client = Client(find_endpoint(state, endpoint, ca))
    names = {one.id: one.name for one in machines(client)}
    known = {name: one for one, name in names.items()}
    holder = known.get(machine, machine)
    own = [one for one in slots(client, group) if one.holder == holder]
    if not own:
        raise Mistake(
            f"{called(holder, names)} neither holds a slot nor waits for one; if it counts because"
            " it is offline, start it, or have the group not count those:"
            f" {client.endpoint.command('governor set GROUP --ignore-offline')}"
        )
    withdrawn = False
    for one in own:
        withdrawn = withdrawn or _release(client, one, withdrawn=withdrawn)
        what = "waits no longer, and does not restart" if one.status == "Waiting" else "is released"
        print(f"{one.group} {called(holder, names)} {what}")
    client.close()


def _release(client: Client, slot: Slot, *, withdrawn: bool) -> bool:
    """Whether all for which it waits has ended with it."""
    if withdrawn and slot.status == "Waiting":
        return True
    try:
        client.call("ReleaseGovernorSlot", {"SlotId": slot.id})
    except ApiError as error:
        if error.code != "OperationDenied.RestartOrdered":
            raise
        raise Mistake(
            "its restart was ordered by RebootInstances, and stands: Running would be taken for its"
            " end."
            f" {client.endpoint.command(f'stop {slot.holder}')} has it stop instead;"
            f" {client.endpoint.command(f'governor remove {slot.group}')} lets it go now"
        ) from error
    return slot.status == "Waiting"
