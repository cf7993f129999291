"""Texts that are named on the command line, and what is wrong with them."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from cloudhand.cli.errors import ClientError, Mistake
from cloudhand.core.errors import Problem, TemplateInvalid
from cloudhand.orchestration.model import Catalogue, Template
from cloudhand.orchestration.template import parse


def read(file: str) -> str:
    """The text of a file, or of the standard input where that is ``-``; Mistake."""
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text()
    except OSError as error:
        raise Mistake(f"cannot read {file}: {(error.strerror or str(error)).lower()}") from None
    except UnicodeDecodeError:
        raise Mistake(f"cannot read {file}: it is no text") from None


def tell(file: str, problems: Iterable[Problem], *, mark: str = "") -> None:
    """One line for each, as compilers tell them: ``FILE:LINE: path: text``."""
    for problem in sorted(problems, key=lambda one: one.line or 0):
        where = f"{file}:{problem.line}" if problem.line else file
        path = f"{problem.path}: " if problem.path else ""
        print(f"{where}: {mark}{path}{problem.text}")


def parsed(file: str, text: str, catalogue: Catalogue) -> Template:
    """The template in the text of a file; Invalid, once all that is wrong was told."""
    try:
        return parse(text, catalogue)
    except TemplateInvalid as error:
        raise invalid(file, error) from None


def invalid(file: str, error: TemplateInvalid) -> Invalid:
    """To be raised; tells what is wrong."""
    tell(file, error.problems)
    count = len(error.problems)
    return Invalid(f"{file} is not valid: {count} problem{'' if count == 1 else 's'}")


class Invalid(ClientError):
    """A text is no template, or no rehearsal; each problem was told already."""

    exit_code = 1
