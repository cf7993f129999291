"""`cloudhand call`: any operation of the control plane, by its name."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from getpass import getpass
from pathlib import Path
from typing import Annotated

import typer

from cloudhand.api.operation import Operation
from cloudhand.api.products import BY_PRODUCT
from cloudhand.cli import options
from cloudhand.cli.client import Client
from cloudhand.cli.endpoint import find_endpoint
from cloudhand.cli.errors import Mistake

EPILOG = (
    "Exit codes: 0 answered; 2 not understood; 3 the control plane refused or could not be reached;"
    " 130 interrupted."
)
_FIRST = "ecs"  # of operations that several products have


def command(
    operation: Annotated[
        str, typer.Argument(help="Its name; without one all are listed.", metavar="OPERATION")
    ] = "",
    given: Annotated[
        list[str] | None,
        typer.Argument(
            help="Its parameters, as its page writes them: InstanceId.1=i-..., Tag.1.Key=role."
            " @FILE as the value is what a file holds; @- is what the standard input does, without"
            " its last line break, or is asked for without being shown.",
            metavar="NAME=VALUE",
        ),
    ] = None,
    product: Annotated[
        str,
        typer.Option(
            help="Whose operation, where several have one of that name: ecs, which is meant"
            " otherwise, oos, ram, sts, location or vpc."
        ),
    ] = "",
    parameters: Annotated[
        bool, typer.Option("--parameters", help="Only say which parameters it has.")
    ] = False,
    state: options.State = None,
    endpoint: options.At = "",
    ca: options.Ca = None,
) -> None:
    """Call an operation by its name, and print its answer, which is JSON.

    A value that nobody else is to see, such as that of CreateSecretParameter, is given by @-: other
    users of this machine see what is typed.
    """
    if not operation:
        for name, operations in BY_PRODUCT.items():
            for one in operations.values():
                print(name, one.name, _line(one), sep="\t")
        return
    found = _found(operation, product)
    if parameters:
        for parameter in found.parameters.values():
            needed = "required" if parameter.required else ""
            names = "|".join(parameter.names)
            if names == "RegionId":
                needed = ""  # it is filled in
            print(names, parameter.kind, needed, parameter.note, sep="\t")
        return
    pairs = options.pairs(given or (), "parameter")
    wanted = {name: _value(name, value) for name, value in pairs.items()}
    _check(found, wanted)
    client = Client(find_endpoint(state, endpoint, ca))
    answer = client.call(found.name, wanted, version=found.product.version)
    client.close()
    print(json.dumps(answer, indent=2, ensure_ascii=False))


def _line(operation: Operation) -> str:
    """What it does; its summary begins with its name."""
    return operation.summary.partition("\n")[0].removeprefix(f"{operation.name}: ")


def _found(name: str, product: str) -> Operation:
    if product and product.lower() not in BY_PRODUCT:
        raise Mistake(f"there is no product {product}: it is one of {', '.join(BY_PRODUCT)}")
    among = [BY_PRODUCT[product.lower()]] if product else list(BY_PRODUCT.values())
    found = [operations[name] for operations in among if name in operations]
    if not found:
        close = _close(name, (one for operations in among for one in operations))
        raise Mistake(f"there is no operation {name}{close or '; `cloudhand call` lists them'}")
    return next((one for one in found if one.product.name.lower() == _FIRST), found[0])


def _check(operation: Operation, given: Mapping[str, str]) -> None:
    """What an operation does not know it would ignore, as the real service does."""
    known = ["RegionId", *(name for one in operation.parameters.values() for name in one.names)]
    for name in given:
        if name.partition(".")[0] not in {one.partition(".")[0] for one in known}:
            close = _close(name, known)
            more = f"; `cloudhand call {operation.name} --parameters` lists them"
            raise Mistake(f"{operation.name} has no parameter {name}{close or more}")


def _close(name: str, known: Iterable[str]) -> str:
    by_lower = {one.lower(): one for one in known}
    found = get_close_matches(name.lower(), by_lower, n=1)
    return f": is it {by_lower[found[0]]}?" if found else ""


def _value(name: str, text: str) -> str:
    place = text[1:] if text.startswith("@") else ""
    if not place:
        return text
    if place == "-" and sys.stdin.isatty():
        return getpass(f"{name}: ")
    try:
        told = sys.stdin.read() if place == "-" else Path(place).read_text()
    except OSError as error:
        raise Mistake(f"cannot read {place}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Mistake(
            f"cannot send {place}: it is no text; where the operation takes base64, give it that"
        ) from None
    return told.removesuffix("\n") if place == "-" else told
