"""The end of a script's processes because somebody asks for it, or its time is over; its receipt.

Who is there is known in up to three ways, which are taken together: the script's cgroup, where it
has one; what descends from its holder; and what bears its mark. A process that has left its cgroup,
as a session of another user does, is found by the others.
"""

from __future__ import annotations

import os
import threading
import time
from typing import Callable, Iterable, Set, Tuple

from cloudhand.agent import cgroups, machine, process, spool
from cloudhand.agent.journal import Entry
from cloudhand.wire import receipt as wire

# Seconds between the polite signal and the other one. A stop is over within 2, and this leaves as
# much for the killing of a tree that fights as for one that obeys.
GRACE = 1.0
_BOUND = 6.0  # seconds; what lives longer cannot be killed, and is named as a survivor
_CROWD = 64  # processes; a tree of more that still grows does not mean to end
_FIRST = -20  # as nice(2) counts
_LOOK_EVERY, _LONGEST = 0.02, 0.1  # seconds between looks

Over = Callable[[float], bool]  # waits so many seconds at most; whether the holder is done


class Ending:
    """Ends one script; each thing that is found is counted once."""

    def __init__(self, entry: Entry, folder: str, *, heard_at: float) -> None:
        """``heard_at``: by the monotonic clock, when it was asked for."""
        self._entry = entry
        self._folder = folder
        self._heard_at = heard_at
        self._seen: Set[int] = set()
        self._first_only = False

    def whole(self, over: Over) -> wire.Receipt:
        """End the tree, politely and then not."""
        spool.ask_to_outlast(self._folder)
        before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
        # A tree that fights takes all of the machine, and would be ended by who gets none of it.
        _go(_FIRST)
        try:
            process.ask_to_end(self._found)
            self._wait(self._found, over)
            return self._killed(over)
        finally:
            _go(before)

    def first_only(self, over: Over) -> wire.Receipt:
        """End the script's first process alone, and leave what it has started."""
        self._first_only = True
        process.ask_to_end(self._first)
        self._wait(self._first, over)
        return self._killed(over)

    def at_once(self) -> wire.Receipt:
        """Kill what a holder has left that was killed itself."""
        return self._killed(lambda _: True)

    def _wait(self, find: "Callable[[], Set[int]]", over: Over) -> None:
        """Until nothing is found that was asked to end; not so long for a crowd that grows."""
        began, pause = time.monotonic(), _LOOK_EVERY
        asked = len(self._seen)
        while time.monotonic() < began + GRACE:
            there = find()
            grows = len(there) > _CROWD and len(self._seen) > asked
            # As long as nothing was ever there the holder is about to start it.
            if (self._seen and not there) or (grows and time.monotonic() > began + GRACE / 2):
                return
            if over(pause):
                return
            pause = min(pause * 1.5, _LONGEST)

    def _killed(self, over: Over) -> wire.Receipt:
        """Until the holder says that there are no more: who forks and ends at once may be between
        two looks, but never between two children of its holder."""
        began = time.monotonic()
        gone_at = 0.0
        find = self._first if self._first_only else self._everything
        while time.monotonic() < began + _BOUND:
            if self._kill(find):
                gone_at = 0.0
                continue
            gone_at = gone_at or time.monotonic()
            if over(_LOOK_EVERY):
                break
        return self._receipt(gone_at or time.monotonic())

    def _kill(self, find: "Callable[[], Set[int]]") -> "Set[int]":
        path = spool.cgroup(self._folder)
        if path and not self._first_only:
            cgroups.freeze(path)
            self._found()  # who is counted before it is gone
            cgroups.kill(path)
        return process.kill_once(find)

    def _receipt(self, gone_at: float) -> wire.Receipt:
        there = self._everything()
        survivors = self._first() if self._first_only else there
        ended, spared = self._seen - survivors, there - survivors
        return wire.Receipt(
            how=wire.CGROUP if spool.cgroup(self._folder) else wire.PROCESSES,
            took=int((gone_at - self._heard_at) * 1000),
            ended=len(ended),
            pids=tuple(sorted(ended)[: wire.LISTED]),
            survived=len(survivors),
            survivors=_named(survivors),
            left=len(spared),
            spared=_named(spared),
        )

    def _first(self) -> "Set[int]":
        pid = spool.script_pid(self._folder)
        return self._counted({pid} if machine.start_time(pid) else set())

    def _found(self) -> "Set[int]":
        return self._counted(self._in_tree())

    def _everything(self) -> "Set[int]":
        """Also what had left its holder before all this, which is known by its mark only."""
        everything = self._in_tree() | process.marked(self._folder)
        return everything if self._first_only else self._counted(everything)

    def _in_tree(self) -> "Set[int]":
        path = spool.cgroup(self._folder)
        below = process.descendants(self._entry.holder_pid) if self._entry.lives else set()
        return below | (cgroups.members(path) if path else set())

    def _counted(self, found: "Set[int]") -> "Set[int]":
        self._seen |= found
        return found


def _go(priority: int) -> None:
    """This thread alone, where it may."""
    try:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), priority)
    except OSError:
        pass  # who is not root waits for their turn


def _named(pids: "Iterable[int]") -> "Tuple[wire.Process, ...]":
    first = sorted(pids)[: wire.LISTED]
    return tuple(wire.Process(pid, machine.name(pid)) for pid in first)
