"""`cloudhand template graph`: the tasks of a template, and where they lead."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cloudhand.cli.errors import Mistake
from cloudhand.cli.following import aside
from cloudhand.cli.template import texts
from cloudhand.cli.template.mermaid import mermaid
from cloudhand.cli.template.picture import svg
from cloudhand.cli.template.validate import File
from cloudhand.rehearsal.scripted import ScriptedLibrary

EPILOG = "Exit codes: 0 drawn; 1 the template is not valid; 2 not understood, or not read."


def command(
    file: File,
    picture: Annotated[
        Path | None, typer.Option("--svg", help="Draw a picture into this file.", metavar="OUT")
    ] = None,
    as_mermaid: Annotated[
        bool, typer.Option("--mermaid", help="Print a Mermaid flow chart, as if nothing is said.")
    ] = False,
) -> None:
    """Draw the tasks of a template and where they lead: choices, jumps, loops, errors.

    A failure or cancellation that ends the execution is not drawn.
    """
    if picture is not None and as_mermaid:
        raise Mistake("draw it by --svg or by --mermaid, not by both")
    template = texts.parsed(file, texts.read(file), ScriptedLibrary())
    if picture is None:
        print(mermaid(template), end="")
        return
    try:
        picture.write_text(svg(template))
    except OSError as error:
        raise Mistake(f"cannot write {picture}: {(error.strerror or '').lower()}") from None
    aside(f"{picture} shows {file}.")
