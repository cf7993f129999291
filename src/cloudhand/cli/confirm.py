"""Ask before much is at stake."""

from __future__ import annotations

import re
import sys

from cloudhand.cli.errors import Mistake

ASK_ABOVE = 10  # machines
_POWER_CODE = re.compile(r"\bexit\s+(193|194|3009|3010)\b")


class Declined(Mistake):
    """The answer was another than the number of machines."""

    exit_code = 1


def stake(count: int, script: str, *, everywhere: bool) -> str:
    """Why one should ask; empty if one need not."""
    power = _POWER_CODE.search(script)
    if power:
        verb = "stops" if power.group(1) in ("193", "3009") else "restarts"
        return f"`{power.group(0)}` {verb} {_machines(count)}"
    if everywhere or count > ASK_ABOVE:
        return f"this runs on {_machines(count)}"
    return ""


def confirm(count: int, script: str, *, everywhere: bool) -> None:
    """Ask for the number of machines if there is a reason to; Mistake unless it is the answer."""
    why = stake(count, script, everywhere=everywhere)
    if not why:
        return
    if not sys.stdin.isatty():
        raise Mistake(
            f"{why}, and nobody is here to be asked: add --yes, or look first with --dry-run"
        )
    # The question goes where a redirected output does not hide it.
    print(f"{why}. Type the number of machines to go on: ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip() != str(count):
        raise Declined(f"nothing was run on {_machines(count)}")


def _machines(count: int) -> str:
    return f"{count} machine{'' if count == 1 else 's'}"
