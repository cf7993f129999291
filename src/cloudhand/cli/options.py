"""Options that several commands have."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from cloudhand.cli.errors import Mistake

_SPAN = re.compile(r"(?P<number>[1-9]\d{0,5})(?P<unit>[smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

State = Annotated[
    Path | None,
    typer.Option(
        help="State directory of the control plane; if none is named that of the profile, else"
        " the one of this user that was started last and lives.",
    ),
]
At = Annotated[
    str,
    typer.Option(
        "--endpoint",
        help="URL of the control plane; the key is then taken from CLOUDHAND_ACCESS_KEY_ID and"
        " CLOUDHAND_ACCESS_KEY_SECRET, or is that of the profile for it, or of a control plane of"
        " this user that runs there.",
        metavar="URL",
    ),
]
Ca = Annotated[
    Path | None,
    typer.Option(
        "--ca",
        help="PEM file of the authority of an https control plane, its tls/ca.pem; found with the"
        " state.",
    ),
]
On = Annotated[
    list[str] | None, typer.Option("--on", help="Id or name of a machine; may be repeated.")
]
Tags = Annotated[
    list[str] | None,
    typer.Option("--tag", help="KEY=VALUE; may be repeated, and all must match."),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document.")]
Region = Annotated[str, typer.Option(help="The region that it stands for.")]
PlainProcesses = Annotated[
    bool,
    typer.Option("--plain-processes", help="Make instances of plain processes, not namespaces."),
]
PlainHttp = Annotated[
    bool,
    typer.Option(
        "--plain-http",
        help="Listen beyond this machine without TLS, although whoever is on the way then reads"
        " all commands, outputs and the keys of agents that join.",
    ),
]
PowerExitCodes = Annotated[
    str,
    typer.Option(
        help="What 193 and 194 make of a target: success, or documented (Failed).",
        metavar="RULE",
    ),
]
WebHooks = Annotated[
    list[str] | None,
    typer.Option(
        "--web-hooks-to",
        help="A network near this machine that web hooks of templates and notification channels may"
        " reach, like 10.1.0.0/16 or 127.0.0.1; may be given more than once. If not said they"
        " reach none.",
        metavar="NETWORK",
    ),
]
Verbose = Annotated[bool, typer.Option("--verbose", help="Log every move on standard error.")]


def span(text: str, option: str, *, more: str = "") -> timedelta:
    """What was given as 30m, 12h or 7d; Mistake, which says what ``more`` it could be."""
    found = _SPAN.fullmatch(text)
    if not found:
        raise Mistake(f"cannot use {option} {text}: it is like 30m, 12h or 7d{more}")
    return timedelta(**{_UNITS[found["unit"]]: int(found["number"])})


def pairs(texts: Iterable[str], option: str) -> dict[str, str]:
    """What was given as KEY=VALUE, maybe several times; Mistake."""
    found = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise Mistake(f"cannot read {option} {text}: it is KEY=VALUE")
        found[key] = value
    return found
