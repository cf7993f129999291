"""`cloudhand fault make`: have something go wrong, to see what one's own automation does."""

from __future__ import annotations

from typing import Annotated

import typer

from cloudhand.cli import options
from cloudhand.cli.client import Client
from cloudhand.cli.endpoint import find_endpoint
from cloudhand.cli.errors import Mistake
from cloudhand.cli.fleet import machines

EPILOG = (
    "Exit codes: 0 made; 2 not understood; 3 the control plane refused or could not be reached."
)
# What the value of each kind is; empty: it has none.
_VALUES = {
    "offline": "",
    "slow-boot": "SECONDS",
    "no-boot": "",
    "exit": "CODE",
    "flood": "BYTES",
    "throttle": "MILLISECONDS",
}


def command(
    kind: Annotated[
        str,
        typer.Argument(
            help="offline: its agent is not heard. slow-boot SECONDS: not until so long after each"
            " boot. no-boot: not at all after the next boot. exit CODE: a shell command only ends"
            " with this. flood BYTES: it first says so much. throttle [MILLISECONDS]: requests are"
            " too many, until so long later.",
            metavar="KIND",
        ),
    ],
    value: Annotated[int | None, typer.Argument(help="As the kind asks for it.", min=0)] = None,
    on: Annotated[
        list[str] | None,
        typer.Option(help="Id or name of a machine; may be repeated. None: all."),
    ] = None,
    percent: Annotated[
        int, typer.Option(help="Strike so many of a hundred.", min=1, max=100)
    ] = 100,
    seed: Annotated[int, typer.Option(help="Which ones: the same again.", min=0)] = 0,
    times: Annotated[
        int, typer.Option(help="Of exit, flood and throttle: so many; 0: always.", min=0)
    ] = 0,
    seconds: Annotated[
        int, typer.Option("--for", help="Seconds that it lasts; 0: until it is cleared.", min=0)
    ] = 0,
    state: options.State = None,
    endpoint: options.At = "",
    ca: options.Ca = None,
) -> None:
    """Make a fault, and print its id. It ends when it is cleared, or with the control plane."""
    _check(kind, value)
    client = Client(find_endpoint(state, endpoint, ca))
    made = client.call(
        "CreateFault",
        {
            "Kind": kind,
            "Value": value or 0,
            "InstanceId": _ids(client, on or []),
            "Percent": percent,
            "Seed": seed,
            "Times": times,
            "Seconds": seconds,
        },
    )
    client.close()
    print(made["FaultId"])


def _check(kind: str, value: int | None) -> None:
    if kind not in _VALUES:
        raise Mistake(f"{kind} is no kind of fault: {', '.join(_VALUES)}")
    if value is not None and not _VALUES[kind]:
        raise Mistake(f"{kind} takes no value")
    if value is None and _VALUES[kind] and kind != "throttle":
        raise Mistake(f"say {kind} {_VALUES[kind]}")


def _ids(client: Client, wanted: list[str]) -> list[str]:
    if not wanted:
        return []
    ids = {machine.name: machine.id for machine in machines(client)}
    unknown = [one for one in wanted if one not in ids and one not in ids.values()]
    if unknown:
        raise Mistake(f"there is no machine {', '.join(unknown)}: {', '.join(ids) or 'none'}")
    return [ids.get(one, one) for one in wanted]
