"""The processes of one script: which they are, and how all of them are ended.

While its holder lives, every descendant of a script is one of the holder, which adopts orphans.
Once the holder is gone they are found by the mark in their environment.
"""

from __future__ import annotations

import os
import signal
import time
from typing import Callable, Dict, List, Set

from cloudhand.agent import machine

# In the environment of every process of a script. Agents of several instances may run the same
# task side by side and see each other's processes: only the folder tells whose it is.
TASK_ID = "CLOUDHAND_TASK_ID"
MARK = "CLOUDHAND_TASK_FOLDER"
_BOUND = 5.0  # seconds; what lives longer cannot be killed
_STEP, _LONGEST_STEP = 0.005, 0.1  # seconds between looks
_FREEZE_ROUNDS = 50
_CHILDREN = "/proc/{0}/task/{0}/children"


def descendants(root: int) -> "Set[int]":
    """All living processes below ``root``, without it."""
    children = _children if os.path.exists(_CHILDREN.format(os.getpid())) else _by_parents()
    found: Set[int] = set()
    waiting = [root]
    while waiting:
        for pid in children(waiting.pop()):
            if pid not in found:
                found.add(pid)
                waiting.append(pid)
    return {pid for pid in found if machine.start_time(pid)}


def _children(pid: int) -> "List[int]":
    """Without a look at any other process: who forks and ends at once is met before it has."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []
    texts = [machine.read(f"/proc/{pid}/task/{thread}/children") for thread in threads]
    return [int(word) for text in texts for word in text.split()]


def _by_parents() -> "Callable[[int], List[int]]":
    """The same where the kernel keeps no lists of children."""
    children: Dict[int, List[int]] = {}
    for pid in _all_pids():
        fields = machine.stat(pid)
        if fields:
            children.setdefault(int(fields[1]), []).append(pid)
    return lambda pid: children.get(pid, [])


def marked(folder: str) -> "Set[int]":
    """All living processes whose environment says that they belong to the task of a folder."""
    mark = f"{MARK}={folder}".encode()
    found = set()
    for pid in _all_pids():
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                if mark in file.read().split(b"\0") and machine.start_time(pid):
                    found.add(pid)
        except OSError:
            continue  # it has ended, or belongs to somebody else
    return found - {os.getpid()}


def ask_to_end(find: "Callable[[], Set[int]]") -> None:
    """Politely; also those that are stopped, which would not hear it.

    All are asked at one moment: a shell that saw the end of what it waits for before its own
    would go on to its next line.
    """
    asked = _frozen(find)
    for number in (signal.SIGTERM, signal.SIGCONT):
        for pid in asked:
            _signal(pid, number)


def kill(find: "Callable[[], Set[int]]") -> None:
    """Kill everything that ``find`` finds, until it finds nothing or that cannot be killed."""
    deadline = time.monotonic() + _BOUND
    while time.monotonic() < deadline and kill_once(find):
        pass


def kill_once(find: "Callable[[], Set[int]]") -> "Set[int]":
    """What was found and has been sent its end; some of it may live for a moment longer."""
    victims = _frozen(find)
    for pid in victims:
        _signal(pid, signal.SIGKILL)
    wait_until(lambda: not (victims & find()), 0.2)
    return victims


def _frozen(find: "Callable[[], Set[int]]") -> "Set[int]":
    """Stop all of them first: what forks faster than it is ended would never end."""
    frozen: Set[int] = set()
    for _ in range(_FREEZE_ROUNDS):
        new = find() - frozen
        if not new:
            break
        for pid in new:
            _signal(pid, signal.SIGSTOP)
        frozen |= new
    return frozen


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except OSError:
        pass  # it has ended


def wait_until(holds: "Callable[[], bool]", at_most: float) -> None:
    deadline = time.monotonic() + at_most
    step = _STEP
    while not holds() and time.monotonic() < deadline:
        time.sleep(step)
        step = min(step * 1.5, _LONGEST_STEP)  # a look reads all of /proc


def _all_pids() -> "List[int]":
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]
