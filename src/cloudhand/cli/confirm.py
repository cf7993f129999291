"""Ask before much is at stake."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass

from cloudhand.cli.errors import Mistake

ASK_ABOVE = 10  # machines
_CODE = re.compile(r"\bexit\s+(?P<code>193|194|3009|3010)\b")
# Where a shell takes a word for a command.
_COMMAND = r"(?:^|[;&|(){}\n`]|\b(?:then|else|do|exec|nohup|sudo)(?:\s+-\S+)*\s)\s*(?:/\S*/)?"
_WORD = re.compile(
    _COMMAND + r"(?P<text>(?:systemctl\s+(?:-\S+\s+)*|init\s+|telinit\s+)?"
    r"(?P<what>(?<=init )[06]|reboot|kexec|poweroff|halt|shutdown)\b(?P<rest>[^\n;&|]*))"
)


class Declined(Mistake):
    """The answer was another than the number of machines."""

    exit_code = 1


@dataclass(frozen=True, kw_only=True)
class PowerWord:
    """A command in a script that takes its machine down, whatever becomes of the script."""

    text: str
    restarts: bool

    @property
    def instead(self) -> str:
        return "exit 194" if self.restarts else "exit 193"


def power_word(script: str) -> PowerWord | None:
    found = _WORD.search(script)
    if found is None:
        return None
    what, rest = found["what"], found["rest"]
    if what == "shutdown":
        if re.search(r"\s-\w*c", rest):
            return None  # it takes one back that was asked for
        restarts = bool(re.search(r"\s[-/]\w*r|\s--reboot", rest))
    else:
        restarts = what in ("reboot", "kexec", "6")
    return PowerWord(text=found["text"].strip(), restarts=restarts)


def power_of(script: str, count: int) -> str:
    """What the text of a script does to its machines; empty if nothing."""
    code = _CODE.search(script)
    word = power_word(script)
    if code:
        verb = "stops" if code["code"] in ("193", "3009") else "restarts"
        return f"`{code[0]}` {verb} {machines(count)}"
    if word:
        return f"`{word.text}` {'restarts' if word.restarts else 'stops'} {machines(count)}"
    return ""


def of_script(count: int, script: str, *, everywhere: bool) -> str:
    """Why one should ask before it runs; empty if one need not."""
    if power := power_of(script, count):
        return power
    return f"this runs on {machines(count)}" if everywhere or count > ASK_ABOVE else ""


def confirm(count: int, why: str, *, taken: bool = False, dry_run: bool = True) -> None:
    """Ask for the number of machines; Mistake unless it is the answer.

    ``taken``: the standard input had something else to say. ``dry_run``: one can look first.
    """
    if taken or not sys.stdin.isatty():
        nobody = "the input was the script, so nobody can" if taken else "nobody is here to"
        look = ", or look first with --dry-run" if dry_run else ""
        raise Mistake(f"{why}, and {nobody} be asked: add --yes{look}")
    question = f"{why}. Type the number of machines to go on: "
    try:
        # Where a redirected output does not hide it.
        print(question, end="", file=sys.stderr, flush=True)
        typed = sys.stdin.readline().strip()
    except KeyboardInterrupt:
        print("\nInterrupted: nothing was run.", file=sys.stderr)
        raise
    if typed != str(count):
        raise Declined(f"you typed {typed or 'nothing'}, not {count}: nothing was run")


def machines(count: int) -> str:
    return f"{count} machine{'' if count == 1 else 's'}"
