"""What a system said against what was true: one rule for all of them.

It knows nothing of any system. `Said` is what the system's own programs printed, `Truth` is what
the script and the machine wrote down, and what still runs there.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a system's last word claims."""

    ENDED = "ended"  # the script ended by itself, with an exit code
    STOPPED = "stopped"  # the script was ended, or cut off, before its own end
    REFUSED = "refused"  # the script did not begin
    UNKNOWN = "unknown"  # it has no answer, and does not wait for one any more
    NOTHING = "nothing"  # no last word within the time that everybody had


class Verdict(StrEnum):
    RIGHT = "right"  # what it said was true, and nothing was kept back
    SILENT = "silent"  # what it said was true, but something was missing, and it did not say so
    WRONG = "wrong"  # what it said was not true
    STUCK = "stuck"  # it said that it goes on, or nothing at all, until nobody waited any more
    TWICE = "twice"  # the script, or the restart, happened more than once
    LOST = "lost"  # it gave up, though the machine was there to be asked
    CANNOT = "cannot"  # it has nothing that does this


@dataclass(frozen=True, kw_only=True)
class Said:
    kind: Kind
    exit_code: int | None = None
    output: str = ""  # without the line break at its end, which some cut off
    tells_missing: bool = False  # whether it says that output is missing
    tells_left: bool = False  # whether it says that processes are left
    restarted: bool | None = None  # whether it says that the machine restarted; None: no word of it
    words: str = ""  # its own, for people
    after: float = 0.0  # seconds from the moment from which it was waited for


@dataclass(frozen=True, kw_only=True)
class Truth:
    began: int  # how often the script did
    ended: int  # how often it came to its own end
    exit_code: int  # that it ends with
    output: str
    left: tuple[str, ...]  # what the script started and still runs
    restarts: int  # of the machine, since the script was asked for
    restart_asked: bool  # of the system, as a part of what it was to do
    stop_asked: bool  # by hand or by a time limit
    there: bool  # whether the machine was up and in reach at the end


def judge(said: Said, truth: Truth) -> tuple[Verdict, str]:
    """The verdict, and the reason in a few words."""
    if truth.began > 1:
        return Verdict.TWICE, f"the script ran {truth.began} times"
    if truth.restart_asked and truth.restarts > 1:
        return Verdict.TWICE, f"the machine restarted {truth.restarts} times"
    if said.kind is Kind.NOTHING:
        return Verdict.STUCK, "no last word"
    if said.kind is Kind.UNKNOWN:
        if truth.there:
            return Verdict.LOST, f"no answer, and {_what_happened(truth)}"
        return Verdict.RIGHT, "it says that it does not know, and nobody could"
    if said.kind is Kind.REFUSED:
        if truth.began:
            return (
                Verdict.WRONG,
                f"it says that the script did not run, and {_what_happened(truth)}",
            )
        return Verdict.RIGHT, "it says that the script did not run"
    if said.kind is Kind.STOPPED:
        return _stopped(said, truth)
    return _ended(said, truth)


def _stopped(said: Said, truth: Truth) -> tuple[Verdict, str]:
    if truth.ended:
        return Verdict.WRONG, "it says that the script did not end, and it did"
    if truth.left and not said.tells_left:
        return Verdict.SILENT, f"{_processes(truth)} on, of which it says nothing"
    return Verdict.RIGHT, "it says that the script was cut off"


def _ended(said: Said, truth: Truth) -> tuple[Verdict, str]:
    if not truth.ended:
        return Verdict.WRONG, "it says that the script ended by itself, and it did not"
    if said.exit_code != truth.exit_code:
        return Verdict.WRONG, f"it says exit code {said.exit_code}, and it was {truth.exit_code}"
    if said.output != truth.output and not said.tells_missing:
        what = f"{len(said.output)} of {len(truth.output)} characters"
        return Verdict.SILENT, f"it shows {what}, and says nothing of the rest"
    if truth.stop_asked and truth.left and not said.tells_left:
        return Verdict.SILENT, f"{_processes(truth)} on, of which it says nothing"
    if truth.restart_asked:
        return _restarted(said, truth)
    if said.output != truth.output:
        what = f"{len(said.output)} of {len(truth.output)} characters"
        return (
            Verdict.RIGHT,
            f"the exit code is right; it shows {what}, and says that there are more",
        )
    return Verdict.RIGHT, "exit code and output are right"


def _restarted(said: Said, truth: Truth) -> tuple[Verdict, str]:
    if said.restarted is None:
        return Verdict.LOST, "it does not say whether the machine restarted"
    if said.restarted != bool(truth.restarts):
        claim = "restarted" if said.restarted else "did not restart"
        return Verdict.WRONG, f"it says that the machine {claim}, and that is not so"
    return Verdict.RIGHT, "exit code, output and restart are right"


def _processes(truth: Truth) -> str:
    return "a process goes" if len(truth.left) == 1 else f"{len(truth.left)} processes go"


def _what_happened(truth: Truth) -> str:
    if truth.ended:
        return "the script ran to its end"
    if truth.began:
        return "the script was cut off" if not truth.left else "the script goes on"
    return "the script never ran"
