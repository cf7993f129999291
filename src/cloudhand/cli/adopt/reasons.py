"""Why a machine was not adopted, in one line for a person, from what ssh and the installer said."""

from __future__ import annotations

import re
from collections.abc import Sequence

from cloudhand.cli.adopt import ssh
from cloudhand.cli.adopt.hosts import Host

_LONGEST = 300  # characters of what somebody else said

# What ssh says, and what that means; {0} and so on are the groups of the pattern.
_OF_SSH = (
    (r"Could not resolve hostname (\S+):.*", "name not found: ssh cannot resolve {0}"),
    (r".*connect to host (\S+) port (\d+): Connection refused",
     "connection refused: nobody listens at {0} port {1}"),
    (r".*connect to host (\S+) port (\d+): (?:Connection|Operation) timed out",
     "timed out: {0} port {1} does not answer"),
    (r".*(?:Connection|Operation) timed out.*|Connection to (?:\S+) timed out.*|Timeout,.*",
     "timed out: it was connected, and does not answer any more"),
    (r".*connect to host (\S+) port (\d+): (.+)", "not reached: {2} ({0} port {1})"),
    (r".*REMOTE HOST IDENTIFICATION HAS CHANGED.*",
     "host key changed: it is not that of known_hosts, which `ssh-keygen -R` forgets"),
    (r"(?:No (?:\S+) host key is known for .*|Host key verification failed\.)",
     "host key unknown: known_hosts has none; `ssh` to it once shows the key, and keeps it"),
    (r"(?:\S+: )?(Permission denied \(.*\))\.?", "{0}: it lets in none of the keys that ssh has"),
    (r".*Too many authentication failures.*",
     "Too many authentication failures: ssh tried other keys first; name one with IdentityFile"),
)  # fmt: skip
_OF_SUDO = (
    (r"(sudo|doas): (?:a password is required|Authentication (?:required|failed))",
     "{0} wants a password: log in as root, or let {0} there go without one"),
    (r"sudo: sorry, you must have a tty.*", "sudo wants a terminal: its requiretty forbids this"),
    (r"(.*) is not in the sudoers file.*", "sudo refuses: {0} is not in its sudoers file"),
    (r"doas: Operation not permitted", "doas refuses: its doas.conf does not allow it"),
)  # fmt: skip
# What the doctor says of the way to the control plane.
_FAILED = re.compile(r"FAIL +(?P<what>name lookup|\S+) +(?P<seen>.*)")
_OF_THE_WAY = ("name lookup", "connection", "certificate", "channel")
_CHANGED = "REMOTE HOST IDENTIFICATION"
_OURS = re.compile(r"cloudhand(?:-agent)?: (?P<told>.*)")
# Last words of the installer, behind which stands what has happened.
_AFTERWARDS = ("nothing was installed", "mend that, and paste the line again")


def of_connection(host: Host, said: Sequence[str], errors: Sequence[str]) -> str:
    """``said``: on its output; ``errors``: by ssh and what it started. No shell of root's came."""
    lines = [line.strip() for line in errors if line.strip()]
    for line in lines:
        if _CHANGED in line:
            lines = [line]  # it tells more, and last what it tells of an unknown one
    for line in reversed(lines):
        if told := _meaning(line):
            return told
    others = [line.strip() for line in said if line.strip()]
    last = next(iter([*lines, *others][-1:]), "")
    return _short(last) or f"ssh ended without a word: `{' '.join(ssh.words(host, None))}` may tell"


def _meaning(line: str) -> str:
    """What is known of one line; else empty."""
    if ours := _OURS.fullmatch(line):
        return ours["told"]
    for pattern, words in (*_OF_SSH, *_OF_SUDO):
        if found := re.fullmatch(pattern, line.removeprefix("ssh: ")):
            return words.format(*found.groups())
    return ""


def of_installer(said: Sequence[str]) -> str:
    """``said``: all that it said, in which there is no word of its being online."""
    lines = [line.strip() for line in said if line.strip()]
    for line in lines:
        if failed := _FAILED.fullmatch(line):
            return _short(_of_doctor(failed["what"], failed["seen"]))
    ours = [found["told"] for line in lines if (found := _OURS.fullmatch(line))]
    told = [one for one in ours if one not in _AFTERWARDS]
    if not told:
        last = [line for line in lines if not ssh.ended([line]) and not _OURS.fullmatch(line)]
        return f"the installer failed: {_short(last[-1]) if last else 'it said nothing'}"
    return _short(told[-1])


def of_silence(said: Sequence[str], seconds: float) -> str:
    """It did not end in time."""
    lines = [line.strip() for line in said if line.strip() and ssh.joined(line.strip()) is None]
    last = f"; it said last: {_short(lines[-1])}" if lines else ""
    return f"timed out: it did not come to an end within {seconds:.0f} s{last}"


def of_break(said: Sequence[str], errors: Sequence[str]) -> str:
    """The connection ended before the installer did."""
    told = [_meaning(line.strip()) or line.strip() for line in errors if line.strip()]
    why = f": {_short(told[-1])}" if told else ""
    return f"the connection broke{why}; the installer goes on there, and the next run looks again"


def _of_doctor(what: str, seen: str) -> str:
    if what in _OF_THE_WAY:
        return f"the control plane cannot be reached from there: {what}: {seen}"
    return f"{what}: {seen}"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
