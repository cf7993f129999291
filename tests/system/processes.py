"""What runs on this machine, as /proc tells it."""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import Any

_PR_SET_CHILD_SUBREAPER = 36
_PR_GET_CHILD_SUBREAPER = 37


@dataclass(frozen=True, kw_only=True)
class Process:
    pid: int
    parent: int
    state: str  # Z and X: it has ended
    words: tuple[str, ...]

    @property
    def alive(self) -> bool:
        return self.state not in ("Z", "X")


def processes() -> dict[int, Process]:
    found = (_process(int(name)) for name in os.listdir("/proc") if name.isdigit())
    return {process.pid: process for process in found if process is not None}


def _process(pid: int) -> Process | None:
    try:
        state, parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace").split("\0")
    except OSError:
        return None
    return Process(pid=pid, parent=int(parent), state=state, words=tuple(words))


def below(pid: int) -> dict[int, Process]:
    """All that descends from a process, as far as it has not ended."""
    everything = processes()
    found: dict[int, Process] = {}
    parents = {pid}
    while parents:
        children = [p for p in everything.values() if p.parent in parents and p.pid not in found]
        found.update({child.pid: child for child in children})
        parents = {child.pid for child in children}
    return {process.pid: process for process in found.values() if process.alive}


def naming(*words: str) -> list[int]:
    """Those whose command line has each of the words as a part of one of its own."""
    return [
        process.pid
        for process in processes().values()
        if process.alive and all(any(word in own for own in process.words) for word in words)
    ]


def inside(pid: int) -> int:
    """The pid that a process has in the innermost namespace that holds it."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("NSpid:"):
            return int(line.split()[-1])
    return pid


def hear_all() -> None:
    """In a child, before it begins: whoever started the tests may have ignored some; nohup does."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)


@contextmanager
def orphans_adopted() -> Iterator[None]:
    """Be the parent of what loses its own below us, so that nothing gets out of sight."""
    before = ctypes.c_int()
    _prctl(_PR_GET_CHILD_SUBREAPER, ctypes.byref(before))
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    try:
        yield
    finally:
        _prctl(_PR_SET_CHILD_SUBREAPER, before.value)


def _prctl(option: int, argument: Any) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, argument, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def bury_orphans() -> None:
    """Take note of the end of those that we adopted. Our own children were waited for before."""
    for process in processes().values():
        if process.parent == os.getpid() and not process.alive:
            os.waitpid(process.pid, os.WNOHANG)


@contextmanager
def signalled_within(pid: int, seconds: float, number: int = signal.SIGKILL) -> Iterator[None]:
    """Have a process get a signal at a moment of the block, which has come at the block's end."""
    descriptor = os.pidfd_open(pid)
    timer = Timer(seconds, _send, (descriptor, number))
    timer.start()
    try:
        yield
    finally:
        timer.join()
        os.close(descriptor)


def _send(descriptor: int, number: int) -> None:
    with suppress(ProcessLookupError):  # it had ended
        signal.pidfd_send_signal(descriptor, number)
