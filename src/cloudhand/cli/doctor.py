"""`cloudhand doctor`"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, assert_never

import typer

from cloudhand.cli import options
from cloudhand.cli.endpoint import living
from cloudhand.server.doctor import Finding, Level, examine

EPILOG = (
    "Exit codes: 0 all that Cloudhand needs is there; 1 something is missing; 2 not understood."
)


def command(
    state: Annotated[
        Path | None,
        typer.Option(help="Look at this state directory, too: who holds it, and its disk."),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Say what this machine can and cannot do, each with the next command to type."""
    findings = examine(state, living())
    if as_json:
        print(json.dumps([_entry(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            _tell(finding)
    sys.exit(any(finding.level is Level.MISSING for finding in findings))


def _entry(finding: Finding) -> dict[str, str]:
    return {
        "subject": finding.subject,
        "level": finding.level,
        "found": finding.found,
        "nextStep": finding.next_step,
    }


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
