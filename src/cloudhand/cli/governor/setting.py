"""`cloudhand governor set`: how many machines of a group may restart at once."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

import typer

from cloudhand.cli import bulk, confirm, options
from cloudhand.cli.client import Client
from cloudhand.cli.endpoint import find_endpoint
from cloudhand.cli.errors import Mistake
from cloudhand.wire import times

EPILOG = "Exit codes: 0 set; 2 not understood; 3 the control plane refused or could not be reached."
Name = Annotated[str, typer.Argument(help="Name of the group.", metavar="GROUP")]


def command(
    group: Name,
    tag: Annotated[
        list[str] | None,
        typer.Option(help="KEY=VALUE that its machines have; may be repeated, and all must match."),
    ] = None,
    all_machines: Annotated[
        bool, typer.Option("--all-machines", help="Whatever tags they have; usual of a new group.")
    ] = False,
    at_a_time: Annotated[
        str,
        typer.Option(help="So many machines, or such a share of them; usual 1.", metavar="N|P%"),
    ] = "",
    lease: Annotated[
        str,
        typer.Option(
            help="After this, one that did not come back lets the next one go; 5m to 7d, usual 1h.",
            metavar="SPAN",
        ),
    ] = "",
    restarts: Annotated[
        int | None,
        typer.Option(
            help="So often one machine may restart within --within; usual 5.", min=1, max=1000
        ),
    ] = None,
    within: Annotated[
        str,
        typer.Option(help="The span in which --restarts are counted; usual 1h.", metavar="SPAN"),
    ] = "",
    count_offline: Annotated[
        bool | None,
        typer.Option(
            "--count-offline/--ignore-offline",
            help="Whether machines that are offline anyhow count as restarting; usual yes.",
            show_default=False,
        ),
    ] = None,
    state: options.State = None,
    endpoint: options.At = "",
    ca: options.Ca = None,
) -> None:
    """Make a group whose machines restart no more than so many at a time; or change what is named,
    and leave the rest as it is.

    It holds for restarts by exit code, by RebootInstances, by `cloudhand reboot` and by templates.
    A machine waits for every group that it belongs to. What runs `reboot` by itself asks nobody.
    """
    tags = options.pairs(tag or (), "--tag")
    if tags and all_machines:
        raise Mistake("say --tag or --all-machines, not both")
    if at_a_time:
        bulk.check(at_a_time, "--at-a-time", least=1)
    wanted = {
        "GroupName": group,
        "Tag": [{"Key": key, "Value": value} for key, value in tags.items()],
        "AllMachines": all_machines,
        "Budget": at_a_time,
        "Lease": _seconds(lease, "--lease"),
        "Restarts": restarts,
        "RestartsWithin": _seconds(within, "--within"),
        "CountsOffline": count_offline,
    }
    client = Client(find_endpoint(state, endpoint, ca))
    told = client.call(
        "SetGovernorGroup", {name: value for name, value in wanted.items() if value is not None}
    )
    client.close()
    print(f"{group}: {_words(told)}")


def _seconds(text: str, option: str) -> int | None:
    return int(options.span(text, option).total_seconds()) if text else None


def _words(told: dict[str, Any]) -> str:
    """All that is set."""
    tags = ", ".join(f"{tag['TagKey']}={tag['TagValue']}" for tag in told["Tags"]["Tag"])
    share = f" ({told['Budget']})" if told["Budget"].endswith("%") else ""
    offline = "counted" if told["CountsOffline"] else "not counted"
    machines = confirm.machines(told["MemberCount"])
    return (
        f"{machines} with {tags or 'any tags'}, {told['Room']}{share} at a time, those that are"
        f" offline {offline}; each for {_span(told['Lease'])} at most, and {told['Restarts']} times"
        f" within {_span(told['RestartsWithin'])}"
    )


def _span(seconds: int) -> str:
    return times.span(timedelta(seconds=seconds))
