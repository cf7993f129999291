"""What an agent says of how it ended the processes of a command. An extension."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Mapping, Sequence, Tuple

from cloudhand.wire import checked

LISTED = 20  # processes of each kind that are named; the rest is counted
CGROUP = "cgroup"  # the kernel held them together
PROCESSES = "processes"  # found by their parents, and by a mark in their environment
_MOST = 10**9  # processes
_LONGEST = 64  # characters of a name; Linux has 15 bytes


@dataclass(frozen=True)
class Process:
    pid: int
    name: str  # as the kernel has it; empty: it was gone when somebody looked


@dataclass(frozen=True)
class Receipt:
    """Of a stop or a timeout, and of what an agent found without its holder."""

    how: str  # CGROUP or PROCESSES
    took: int  # ms, from hearing of it until all that could be ended had ended
    ended: int  # how many processes, those among them that ended when asked politely
    pids: Tuple[int, ...] = ()  # of those, the first
    survived: int = 0  # how many could not be ended
    survivors: Tuple[Process, ...] = ()  # of those, the first
    left: int = 0  # how many were left on purpose, as TerminationMode=Process wants it
    spared: Tuple[Process, ...] = ()  # of those, the first

    def to_text(self) -> str:
        """JSON without what is empty; a text of at most 5 KB."""
        values = {
            "how": self.how,
            "took": self.took,
            "ended": self.ended,
            "pids": list(self.pids),
            "survived": self.survived,
            "survivors": [[one.pid, one.name] for one in self.survivors],
            "left": self.left,
            "spared": [[one.pid, one.name] for one in self.spared],
        }
        return json.dumps({k: v for k, v in values.items() if v}, separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> "Receipt":
        """ValueError for what is none, or says more than one may."""
        try:
            values = json.loads(text)
        except RecursionError:
            raise ValueError("receipt is nested too deeply") from None
        if not isinstance(values, dict):
            raise ValueError("receipt is not an object")
        if values.get("how") not in (CGROUP, PROCESSES):
            raise ValueError("receipt does not say how")
        return cls(
            how=values["how"],
            took=_count(values, "took"),
            ended=_count(values, "ended"),
            pids=tuple(_count({"pids": pid}, "pids") for pid in _listed(values, "pids")),
            survived=_count(values, "survived"),
            survivors=_processes(values, "survivors"),
            left=_count(values, "left"),
            spared=_processes(values, "spared"),
        )


def _count(values: "Mapping[str, Any]", name: str) -> int:
    count = values.get(name, 0)
    # A bool is an int in Python, and no count.
    if type(count) is not int or not 0 <= count <= _MOST:
        raise ValueError(f"{name} of a receipt is not a count")
    return count


def _listed(values: "Mapping[str, Any]", name: str) -> "Sequence[Any]":
    found = values.get(name, [])
    if not isinstance(found, list) or len(found) > LISTED:
        raise ValueError(f"{name} of a receipt is not a list of at most {LISTED}")
    return found


def _processes(values: "Mapping[str, Any]", name: str) -> "Tuple[Process, ...]":
    return tuple(_process(one, name) for one in _listed(values, name))


def _process(said: Any, name: str) -> Process:
    if not isinstance(said, list) or len(said) != 2:
        raise ValueError(f"{name} of a receipt has an entry that is no process")
    pid = _count({name: said[0]}, name)
    return Process(pid, checked.text({name: said[1]}, name, longest=_LONGEST))
