"""`cloudhand template validate`: all that is wrong with a template, without a control plane."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from cloudhand.api.inside import served
from cloudhand.api.products import OF_TEMPLATES
from cloudhand.cli import options
from cloudhand.cli.following import aside
from cloudhand.cli.template import texts
from cloudhand.core.errors import Problem, TemplateInvalid
from cloudhand.orchestration.actions.library import Library
from cloudhand.rehearsal.validation import validated

EPILOG = "Exit codes: 0 nothing is wrong; 1 something is; 2 not understood, or not read."

File = Annotated[str, typer.Argument(help="A template; - is the standard input.", metavar="FILE")]


def command(file: File, as_json: options.Json = False) -> None:
    """Tell all that is wrong with a template, one problem a line: FILE:LINE: path: text.

    A warning names what this Cloudhand does not serve, such as an operation of a product: the
    template is right, and the task would fail here.
    """
    text = texts.read(file)
    library = Library(served(OF_TEMPLATES))
    try:
        warnings = asyncio.run(validated(text, library)).warnings
        problems: Sequence[Problem] = ()
    except TemplateInvalid as error:
        problems, warnings = error.problems, ()
    if as_json:
        told = {"problems": _entries(problems), "warnings": _entries(warnings)}
        print(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        texts.tell(file, problems)
        texts.tell(file, warnings, mark="warning: ")
        if not problems:
            aside(f"{file} is valid.")
    sys.exit(1 if problems else 0)


def _entries(problems: Sequence[Problem]) -> list[dict[str, object]]:
    return [{"path": one.path, "line": one.line, "text": one.text} for one in problems]
