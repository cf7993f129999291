"""`cloudhand doctor`"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, assert_never

import typer

from cloudhand.cli import options
from cloudhand.server.doctor import Finding, Level, examine


def command(
    state: Annotated[
        Path | None,
        typer.Option(help="Look at this state directory, too: who holds it, and its disk."),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Say what this machine can and cannot do, each with the next command to type.

    The exit code is 1 if something is missing that Cloudhand cannot do without.
    """
    findings = examine(state)
    if as_json:
        print(json.dumps([vars(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            _tell(finding)
    sys.exit(any(finding.level is Level.MISSING for finding in findings))


def _tell(finding: Finding) -> None:
    print(f"{_mark(finding.level)}  {finding.subject:<10}  {finding.found}")
    if finding.next_step:
        print(f"{'':<16}try: {finding.next_step}")


def _mark(level: Level) -> str:
    sign, colour = _sign(level)
    return f"\033[{colour}m{sign}\033[0m" if sys.stdout.isatty() else sign


def _sign(level: Level) -> tuple[str, int]:
    match level:
        case Level.GOOD:
            return "✓", 32
        case Level.LESS:
            return "!", 33
        case Level.MISSING:
            return "✗", 31
        case _:
            assert_never(level)
