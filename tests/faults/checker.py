"""Holds what was said of a run of a script against what happened: an outsider's eye.

It knows the answers of the API, the lines that scripts leave in a file of their machine, and what
befell the machine, and nothing of the program that it judges: it imports nothing of it.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

End = Literal["exit 0", "exit 3", "exit 193", "exit 194", "reboot", "timeout", "stop"]
ENDS: tuple[End, ...] = ("exit 0", "exit 3", "exit 193", "exit 194", "reboot", "timeout", "stop")

LOST, TWICE, STUCK, WRONG = "lost", "twice", "stuck", "wrong"
KINDS = (LOST, TWICE, STUCK, WRONG)

# What befalls a run, by the names that are counted.
FAULTS = (
    "SIGKILL agent", "SIGKILL agent and holder", "SIGKILL control plane", "connection cut",
    "half-open connection", "5xx", "slow 1 byte/s", "duplicate", "reorder", "disk full",
    "read-only disk", "clock +1 day", "clock -1 day", "power cut",
)  # fmt: skip

_OPEN = ("Pending", "Scheduled", "Running", "Stopping")
_BY_ITSELF = ("Success", "Failed")
_ENDED_BY_US = {"Timeout": "timeout", "Terminated": "stop", "Cancelled": "stop"}
_CUT_OFF = ("InstanceRestarted", "ExecutionInterrupted")
_DELIVERY_WINDOW = 60.0  # seconds in which a command that was asked for has to reach its machine
_HONOURED = {193: "stop", 194: "restart"}


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of one script on one machine, as those saw it who stood beside it.

    The script writes ``begin BOOT`` into a file of its machine as the first thing that it does,
    and ``end BOOT CODE`` as the last one before it ends by itself.
    """

    name: str
    end: End  # what the script does
    faults: Sequence[str] = ()  # what befell it, which is told with a finding
    answered: bool = True  # whether who asked for it was told that it will run
    lines: Sequence[str] = ()  # that the script left
    produced: bytes = b""  # all that it says, if it comes to its end
    told: dict[str, Any] | None = None  # its InvocationResult, when all is over
    boots: Sequence[str] = ()  # of the machine from before the run to its end, oldest first
    asked_of_machine: Sequence[str] = ()  # "stop" or "restart", each time that somebody asked it
    power_cuts: int = 0  # how often the machine went down without being asked
    away: float = 0.0  # seconds in which nobody could reach the machine, or ask
    unwritten: bool = False  # power went off before the script's end can have been on disk
    killed_holder: bool = False  # what watched over the script was killed with it
    killed_between: bool = False  # its agent died between saying that it begins it and doing so
    unwritable: bool = False  # whether the machine's disk took nothing for a while
    survivors: int = 0  # processes of the script that live when all is over
    # Whether its end was told before the machine was asked to go down; None: nobody looked.
    told_first: bool | None = None
    seen_power: bool = False  # whether it can be seen from beside it that the machine is off
    machine_on: bool = True  # whether it is, before it is started again by hand

    @property
    def begun(self) -> int:
        return sum(line.startswith("begin") for line in self.lines)

    @property
    def codes(self) -> list[int]:
        """With which it ended by itself."""
        return [int(line.split()[-1]) for line in self.lines if line.startswith("end")]


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A file that was to come to its place on a machine, once and whole."""

    name: str
    faults: Sequence[str] = ()
    content: bytes
    found: bytes | None = None  # in its place, when all is over
    parts: Sequence[str] = ()  # names of what else lies beside it
    told: dict[str, Any] | None = None  # its InvokeInstance, when all is over
    away: float = 0.0  # as of a Run, and what follows
    unwritable: bool = False
    end: str = "file"


@dataclass(frozen=True, kw_only=True)
class Finding:
    kind: str  # one of KINDS
    why: str
    run: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.run}: {self.why}"


def check(run: Run | Sent) -> list[Finding]:
    """What is wrong with what was said of a run; empty: nothing."""
    if isinstance(run, Sent):
        found = _sent(run)
    else:
        found = _runs(run)
        if not found and run.told is not None:
            found = [*_verdict(run, run.told), *_power(run, run.told)]
    befell = f" [{', '.join(run.faults)}]" if run.faults else ""
    return [Finding(kind=kind, why=why + befell, run=run.name) for kind, why in found]


Found = list[tuple[str, str]]


def _runs(run: Run) -> Found:
    if run.begun > 1 or len(run.codes) > 1:
        return [(TWICE, f"it began {run.begun} times: {list(run.lines)}")]
    if run.told is None:
        if run.answered:
            return [(LOST, "it was to run, and nobody knows of it")]
        return [(WRONG, "nobody asked for it, and it ran")] if run.begun else []
    status = run.told["InvocationStatus"]
    if status in _OPEN:
        return [(STUCK, f"it is {status} when all is over")]
    return []


def _verdict(run: Run, told: dict[str, Any]) -> Found:
    status, code = told["InvocationStatus"], told["ErrorCode"]
    if status in _BY_ITSELF and not code.startswith("Client"):
        return _own_end(run, told)
    if run.codes and not (run.unwritten or run.killed_holder):
        return [(LOST, f"it ended with {run.codes[0]}, and is called {status} ({code})")]
    if run.survivors:
        return [(WRONG, f"it is called {status}, and {run.survivors} of its processes live")]
    if status in _ENDED_BY_US:
        if run.end != _ENDED_BY_US[status]:
            return [(WRONG, f"it is called {status}, and was to {run.end}")]
        if status == "Cancelled" and run.begun:
            return [(WRONG, "it is called cancelled, and had begun")]
        return _said_before(run, told)
    if code in _CUT_OFF:
        return _cut_off(run, code)
    if run.begun:
        return [(LOST, f"it had begun, and is called {status} ({code})")]
    if status == "Error" and run.unwritable:
        return []  # what cannot be written down is not begun, and that is said
    if run.away < _DELIVERY_WINDOW:
        return [(LOST, f"it never began, and is called {status} ({code})")]
    return []


def _own_end(run: Run, told: dict[str, Any]) -> Found:
    status, code = told["InvocationStatus"], told.get("ExitCode")
    if not run.codes:
        return [(WRONG, f"it is called {status} with {code}, and has not ended by itself")]
    if code != run.codes[0]:
        return [(WRONG, f"it ended with {run.codes[0]}, and is said to have with {code}")]
    if (status == "Success") is not (code == 0 or code in _HONOURED):
        return [(WRONG, f"it ended with {code}, and is called {status}")]
    output = base64.b64decode(told["Output"])
    if len(output) + told["Dropped"] != len(run.produced):
        kept = f"{len(output)} bytes were kept and {told['Dropped']} dropped"
        return [(LOST, f"it said {len(run.produced)} bytes; {kept}")]
    whole = not told["Dropped"]
    if (output != run.produced) if whole else not run.produced.endswith(output):
        said, heard = run.produced[-200:], output[-200:]
        return [(WRONG, f"it said {said!r} at last, and is said to have said {heard!r}")]
    return []


def _said_before(run: Run, told: dict[str, Any]) -> Found:
    """What is told of the output of a script that was ended: as far as it came, from the start."""
    output = base64.b64decode(told["Output"])
    if len(output) + told["Dropped"] > len(run.produced):
        return [(WRONG, f"it can say {len(run.produced)} bytes, and is said to have said more")]
    if not told["Dropped"] and not run.produced.startswith(output):
        return [(WRONG, f"it is said to have said {output[-200:]!r}")]
    return []


def _cut_off(run: Run, code: str) -> Found:
    restarted = len(set(run.boots)) > 1
    if code == "InstanceRestarted" and not restarted:
        return [(WRONG, "the machine is said to have restarted, and has not")]
    if code == "ExecutionInterrupted" and run.killed_between and not run.begun:
        return []
    if code == "ExecutionInterrupted" and not (run.killed_holder or run.unwritten):
        return [(LOST, "nobody is said to have seen its end, and nobody had been killed")]
    if not (run.end == "reboot" or run.power_cuts or run.killed_holder or run.unwritten):
        return [(WRONG, f"it is called {code}, and nothing had cut it off")]
    return []


def _power(run: Run, told: dict[str, Any]) -> Found:
    """The machine did what the script's end asked for, exactly, and it was told so."""
    action = told.get("PowerAction")
    wanted = _HONOURED.get(run.codes[0]) if run.codes else None
    restarts = len(run.boots) - 1 - run.power_cuts
    if wanted is None or told["InvocationStatus"] not in _BY_ITSELF:
        return _nobody_asked(run, action)
    if action is None:
        return [(WRONG, f"it asked for a {wanted}, of which nothing is told")]
    if action["Action"] != wanted:
        return [(WRONG, f"it asked for a {wanted}, and a {action['Action']} is told")]
    if run.told_first is False:
        return [(WRONG, "the machine was to go down before anybody was told how it ended")]
    asked = list(run.asked_of_machine)
    if asked not in _may_be_asked(run, wanted):
        return [(WRONG, f"the machine was asked {asked}, and was to {wanted}")]
    return _carried_out(run, action, restarts)


def _may_be_asked(run: Run, wanted: str) -> list[list[str]]:
    """A power cut may come first, and does what a restart is to do; it undoes a stop."""
    again = 1 + run.power_cuts if wanted == "stop" else 1
    return [[wanted] * often for often in range(0 if run.power_cuts else 1, again + 1)]


def _nobody_asked(run: Run, action: dict[str, Any] | None) -> Found:
    if action is not None:
        return [(WRONG, f"a {action['Action']} is told that nobody had asked for")]
    restarts = len(run.boots) - 1 - run.power_cuts
    # A script that was cut off may not have come to where it restarts its machine.
    undisturbed = not (run.killed_holder or run.power_cuts)
    by_itself = ["restart"] if run.end == "reboot" and run.begun and undisturbed else []
    asked = list(run.asked_of_machine)
    if asked != by_itself and (undisturbed or asked != ["restart"] or run.end != "reboot"):
        return [(WRONG, f"the machine was asked {list(run.asked_of_machine)}, not {by_itself}")]
    if undisturbed and restarts != len(by_itself):
        return [(WRONG, f"the machine restarted {restarts} times, not {len(by_itself)}")]
    return []


def _carried_out(run: Run, action: dict[str, Any], restarts: int) -> Found:
    if action["Action"] == "stop":
        if run.machine_on and not run.power_cuts:
            return [(WRONG, "the machine was to stop, and is on")]
        if run.seen_power and action["Status"] != "Done":
            return [(STUCK, f"its stop is {action['Status']} when all is over")]
        return []
    if action["Status"] != "Done":
        return [(STUCK, f"its restart is {action['Status']} when all is over")]
    if restarts != 1 and not run.power_cuts:
        return [(WRONG, f"the machine restarted {restarts} times")]
    before, after = action["BootIdBefore"], action["BootIdAfter"]
    if before not in run.boots or after not in run.boots or before == after:
        return [(WRONG, f"it restarted from {before} to {after}, and had {list(run.boots)}")]
    return []


def _sent(sent: Sent) -> Found:
    if sent.told is None:
        return [(LOST, "it was to be sent, and nobody knows of it")]
    status, code = sent.told["InvocationStatus"], sent.told["ErrorCode"]
    if status in _OPEN:
        return [(STUCK, f"it is {status} when all is over")]
    if sent.found is not None and sent.found != sent.content:
        return [(WRONG, f"{len(sent.found)} of its {len(sent.content)} bytes are in its place")]
    if sent.parts and not sent.unwritable:
        return [(WRONG, f"beside it were left {list(sent.parts)}")]
    if status == "Success":
        return [] if sent.found is not None else [(LOST, "it is said to be there, and is not")]
    if sent.found is not None:
        return [(WRONG, f"it is in its place, and is called {status} ({code})")]
    if not sent.unwritable and sent.away < _DELIVERY_WINDOW:
        return [(LOST, f"it is called {status} ({code}), and nothing stood in its way")]
    return []
