"""The small parent of one script: it outlives the agent, and knows how the script ended.

A fork of the agent that never runs anything else. It reads the script's output, of which the
head goes to a file at once and the tail is kept in memory; when the script has ended it writes
how, as a whole, and ends itself. It adopts what the script leaves behind, so that a tree can be
ended to its last process.

The fork is made while the agent has other threads. The child therefore uses nothing that may
hold a lock of theirs: system calls, and objects made after the fork.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import time
from dataclasses import dataclass
from typing import Any, Dict, List, NoReturn, Optional, Sequence, Tuple

from cloudhand.agent import machine, process
from cloudhand.agent.output import Keeper, Kept
from cloudhand.wire.agent import POWER_BY_EXIT_CODE

# Names of files in the folder of a task.
PID = "pid"  # of the script's first process
HEAD = "head"  # of the output, growing
TAIL = "tail"  # of the output, written at the end
END = "end"  # how it ended; the last thing that a holder writes
STOP = "stop"  # made by the agent: end only when nothing of the script is left

_PR_SET_CHILD_SUBREAPER = 36
_DRAIN = 0.2  # seconds that output may still come after the script has ended
_LAST_WAIT = 10.0  # seconds to wait for what is being ended
_CANNOT_EXEC = 127
_LIBC = ctypes.CDLL(None)  # loaded before any fork


@dataclass(frozen=True)
class Script:
    """What to run, checked and resolved."""

    folder: str
    arguments: Sequence[str]
    directory: str
    environment: "Dict[str, str]"
    quota: int
    user: "Optional[Tuple[int, int, Sequence[int]]]" = None  # uid, gid, groups


@dataclass(frozen=True)
class Ended:
    """How a script ended."""

    status: int  # as waitpid has it
    start: int  # ms since the epoch
    end: int
    kept: Kept

    @property
    def exit_code(self) -> int:
        """128+n for a signal, as a shell counts."""
        code = os.waitstatus_to_exitcode(self.status)
        return 128 - code if code < 0 else code

    @property
    def by_itself(self) -> bool:
        return os.WIFEXITED(self.status)


def start(script: Script) -> int:
    """Start a script under a holder; the holder's pid. OSError."""
    open(os.path.join(script.folder, HEAD), "wb").close()
    pid = os.fork()
    if pid:
        return pid
    return _child(script)


def script_pid(folder: str) -> int:
    """The script's first process; 0 while that is not known."""
    return int(machine.read(os.path.join(folder, PID)) or 0)


def read_head(folder: str, offset: int) -> bytes:
    try:
        with open(os.path.join(folder, HEAD), "rb") as file:
            file.seek(offset)
            return file.read()
    except OSError:
        return b""


def read_end(folder: str) -> Optional[Ended]:
    """None while the script runs, and for ever if its holder was killed."""
    try:
        with open(os.path.join(folder, END), encoding="utf-8") as file:
            values = json.load(file)
        with open(os.path.join(folder, TAIL), "rb") as file:
            tail = file.read()
    except OSError:
        return None
    kept = Kept(read_head(folder, 0), tail, values["total"])
    return Ended(values["status"], values["start"], values["end"], kept)


def _child(script: Script) -> NoReturn:
    code = 1
    try:
        os.setsid()
        _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        null = os.open("/dev/null", os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        os.closerange(3, _highest_descriptor() + 1)
        _hold(script)
        code = 0
    finally:
        os._exit(code)


def _highest_descriptor() -> int:
    return max(int(name) for name in os.listdir("/proc/self/fd"))


def _hold(script: Script) -> None:
    started = time.time()
    reading, writing = os.pipe()
    pid = _spawn(script, writing)
    os.close(writing)
    os.set_blocking(reading, False)
    _write_file(os.path.join(script.folder, PID), str(pid).encode())
    keeper = Keeper(script.quota)
    head = os.open(os.path.join(script.folder, HEAD), os.O_WRONLY | os.O_APPEND)
    status = _follow(pid, reading, head, keeper)
    if os.path.exists(os.path.join(script.folder, STOP)):
        _outlast(reading, head, keeper)
    elif _is_power(status):
        # The machine goes down next: nothing of the script may still be at work.
        process.kill(lambda: process.descendants(os.getpid()))
        _drain(reading, head, keeper, _DRAIN)
    _write_end(script.folder, status, started, time.time(), keeper.kept)


def _spawn(script: Script, writing: int) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()
        os.dup2(writing, 1)
        os.dup2(writing, 2)
        os.closerange(3, writing + 1)
        if script.user is not None:
            uid, gid, groups = script.user
            os.setgroups(list(groups))
            os.setgid(gid)
            os.setuid(uid)
        os.chdir(script.directory)
        os.execvpe(script.arguments[0], list(script.arguments), script.environment)
    except OSError as error:
        os.write(2, f"cannot start {script.arguments[0]}: {error.strerror}\n".encode())
    finally:
        os._exit(_CANNOT_EXEC)


def _follow(pid: int, reading: int, head: int, keeper: Keeper) -> int:
    """Take output until the script has ended and its output with it; the wait status."""
    ended = os.pidfd_open(pid)
    poll = select.poll()
    poll.register(reading, select.POLLIN)
    poll.register(ended, select.POLLIN)
    output_open = True
    while True:
        ready = {descriptor for descriptor, _ in poll.poll(1000)}
        if reading in ready and output_open and not _take(reading, head, keeper):
            output_open = False
            poll.unregister(reading)
        if ended in ready:
            _, status = os.waitpid(pid, 0)
            os.close(ended)
            if output_open:
                _drain(reading, head, keeper, _DRAIN)
            return status
        _reap(pid)


def _take(reading: int, head: int, keeper: Keeper) -> bool:
    """Take what has come; False when there will be no more."""
    try:
        data = os.read(reading, 65536)
    except BlockingIOError:
        return True
    if data:
        _write_all(head, keeper.feed(data))
    return bool(data)


def _drain(reading: int, head: int, keeper: Keeper, at_most: float) -> None:
    """Take what is still on its way. A child that keeps the output open is not waited for."""
    deadline = time.monotonic() + at_most
    poll = select.poll()
    poll.register(reading, select.POLLIN)
    while True:
        left = deadline - time.monotonic()
        if left <= 0 or not poll.poll(left * 1000) or not _take(reading, head, keeper):
            return


def _outlast(reading: int, head: int, keeper: Keeper) -> None:
    """Stay until nothing of the script is left, so that what the agent ends cannot escape it."""
    deadline = time.monotonic() + _LAST_WAIT
    while time.monotonic() < deadline:
        _drain(reading, head, keeper, 0.02)
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.005)
        except ChildProcessError:
            break
    _drain(reading, head, keeper, 0.02)


def _reap(script_pid: int) -> None:
    """Bury orphans that were adopted, but not the script, whose status is wanted."""
    for pid in _zombies():
        if pid != script_pid:
            try:
                os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                continue


def _zombies() -> "List[int]":
    text = machine.read(f"/proc/self/task/{os.getpid()}/children")
    return [int(word) for word in text.split() if machine.stat(int(word))[:1] == ["Z"]]


def _is_power(status: int) -> bool:
    return os.WIFEXITED(status) and os.WEXITSTATUS(status) in POWER_BY_EXIT_CODE


def _write_end(folder: str, status: int, started: float, ended: float, kept: Kept) -> None:
    _write_file(os.path.join(folder, TAIL), kept.tail)
    values: Dict[str, Any] = {
        "status": status,
        "start": int(started * 1000),
        "end": int(ended * 1000),
        "total": kept.total,
    }
    part = os.path.join(folder, END + ".part")
    _write_file(part, json.dumps(values).encode())
    os.rename(part, os.path.join(folder, END))


def _write_file(path: str, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    _write_all(descriptor, content)
    os.close(descriptor)


def _write_all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]
