"""`cloudhand notify add`: have people told of what goes wrong."""

from __future__ import annotations

import os
import sys
from getpass import getpass
from pathlib import Path
from typing import Annotated

import typer

from cloudhand.cli import options
from cloudhand.cli.client import Client
from cloudhand.cli.endpoint import find_endpoint
from cloudhand.cli.errors import ApiError, Mistake

EPILOG = (
    "Exit codes: 0 added; 2 not understood, or the name is taken; 3 the control plane refused or"
    " could not be reached."
)
_ADDRESS = "CLOUDHAND_NOTIFY_ADDRESS"
_SECRET = "CLOUDHAND_NOTIFY_SECRET"  # noqa: S105 -- the name of a variable
_ASKED_FOR = ("dingtalk", "feishu")  # whose robots may have a secret


def command(
    name: Annotated[str, typer.Argument(help="Any: letters, digits, - and _.")],
    to: Annotated[
        str,
        typer.Option(
            help="What stands at the other end: webhook, dingtalk, feishu, wecom or slack.",
            metavar="KIND",
        ),
    ],
    address_file: Annotated[
        str,
        typer.Option(
            help="A file with the address, as whoever receives gives it; - reads a line of the"
            f" standard input. Else it is that of {_ADDRESS}, or is asked for.",
            metavar="FILE",
        ),
    ] = "",
    secret_file: Annotated[
        str,
        typer.Option(
            help="The same with the secret that signs, of webhook, dingtalk and feishu:"
            f" {_SECRET}. A webhook without one is given one, which is printed.",
            metavar="FILE",
        ),
    ] = "",
    on: Annotated[
        str,
        typer.Option(
            help="Of what alone, with commas between: failed, overdue, agent-gone, not-back.",
            metavar="EVENTS",
        ),
    ] = "",
    language: Annotated[str, typer.Option(help="Of what chats show: en or zh.")] = "en",
    state: options.State = None,
    endpoint: options.At = "",
    ca: options.Ca = None,
) -> None:
    """Add a channel by which somebody is told of what goes wrong from now on.

    Whoever knows the address of a chat's robot can write there: so neither it nor the secret is
    typed as an argument, which others of this machine see, and neither is shown again.
    """
    address = _value("Address", address_file, _ADDRESS, asks=True)
    if not address:
        raise Mistake(
            f"say where the address is: --address-file FILE, or - for the standard input, or in"
            f" {_ADDRESS}"
        )
    secret = _value("Secret, if it has one", secret_file, _SECRET, asks=to in _ASKED_FOR)
    client = Client(find_endpoint(state, endpoint, ca))
    given = {
        "ChannelName": name,
        "Kind": to,
        "Address": address,
        "Secret": secret,
        "Event": [one.strip() for one in on.split(",") if one.strip()],
        "Language": language,
    }
    try:
        made = client.call("CreateNotificationChannel", given)
    except ApiError as error:
        if error.code == "InvalidChannelName.Duplicate":
            raise Mistake(f"there is a channel {name} already") from None
        if not error.code.startswith("InvalidParameter."):
            raise
        raise Mistake(str(error)) from None
    trying = client.endpoint.command(f"notify test {name}")
    client.close()
    if made["Secret"]:
        print("The secret with which it is signed, told this once:", file=sys.stderr)
        print(made["Secret"], flush=True)
    print(f"{trying} sends a message now.", file=sys.stderr)


def _value(what: str, file: str, variable: str, *, asks: bool) -> str:
    """From the file that is named, or the variable, or whoever sits there; empty: from nowhere."""
    if file == "-" and not sys.stdin.isatty():
        return sys.stdin.readline().strip()
    if file and file != "-":
        try:
            return Path(file).read_text().strip()
        except OSError as error:
            raise Mistake(f"cannot read {file}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise Mistake(f"cannot read {file}: it is no text") from None
    if not file and variable in os.environ:
        return os.environ[variable].strip()
    if file == "-" or (asks and sys.stdin.isatty()):
        return getpass(f"{what}: ").strip()
    return ""
