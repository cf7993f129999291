"""The small parent of one script: it outlives the agent, and knows how the script ended.

A fork of the agent that never runs another program. It reads the script's output, of which the
head goes to a file at once and the tail is kept in memory; when the script has ended it writes
how, as a whole. It adopts what the script leaves behind, so that a tree can be ended to its last
process. One that is left with nothing of its script takes the next one, which saves the fork.

The fork is made while the agent has other threads. The child therefore uses nothing that may
hold a lock of theirs: system calls, and objects made after the fork.
"""

from __future__ import annotations

import base64
import fcntl
import functools
import gc
import json
import os
import select
import signal
import socket
import time
from dataclasses import dataclass
from typing import Callable, Dict, List, Mapping, Optional, Sequence, Tuple

from cloudhand.agent import cgroups, machine, process, spool
from cloudhand.agent.output import Keeper
from cloudhand.wire.agent import POWER_BY_EXIT_CODE

ENDED = b"ended"  # said to the agent: the end is written, and the next script may come
LEFT = b"left"  # the end is written; something of the script lives on, so no script may follow
ORDER_LIMIT = 128 * 1024  # bytes of one script's description

_PR_SET_CHILD_SUBREAPER = 36
_CHANNEL = 3  # descriptor, by which the agent gives scripts
_IDLE = 10.0  # seconds without a script after which a holder ends
_DRAIN = 0.2  # seconds that output may still come after the script has ended
_LAST_WAIT = 10.0  # seconds to wait for what is being ended
_NO_SPACE_WAIT = 60.0  # seconds in which a full disk may get room for the end
_UNWRITTEN = 256 * 1024  # bytes of output that wait in memory for a full disk to get room
_REAP_EVERY = 1.0
_LOOK_EVERY = 0.02  # seconds, where the kernel has no pidfd
_CANNOT_EXEC = 127
_KEPT_FROM = 100  # scripts and shells have uses of their own for lower descriptors
_SEALED = 99  # descriptor by which a script's processes read a script that is in memory alone
SEALED_PATH = f"/proc/self/fd/{_SEALED}"
_RESET = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
_IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)


@dataclass(frozen=True)
class Script:
    """What to run, checked and resolved."""

    folder: str
    arguments: Sequence[str]
    directory: str
    environment: Mapping[str, str]  # what differs from the agent's own
    quota: int
    user: Optional[Tuple[int, int, Sequence[int]]] = None  # uid, gid, groups
    pid_told: bool = False  # write down the pid of the first process, which may be ended alone
    cgroup: str = ""  # path of one that is made for it; empty: it has none of its own
    sealed: str = ""  # base64 of what is to be run, where that is in memory alone

    def to_bytes(self) -> bytes:
        return json.dumps(vars(self)).encode()


def main(channel: socket.socket) -> None:
    """Hold the scripts that come through ``channel``; runs in the forked child until its end."""
    gc.disable()  # a collection would touch, and so copy, all that is shared with the agent
    os.setsid()
    _adopt_orphans()
    for number in _RESET:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    os.dup2(channel.fileno(), _CHANNEL, inheritable=False)
    null = os.open("/dev/null", os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.closerange(_CHANNEL + 1, _highest_descriptor() + 1)
    channel.detach()
    _serve(socket.socket(fileno=_CHANNEL))


def _adopt_orphans() -> None:
    # Only holders pay for ctypes. Where it is missing, orphans are found by their mark alone.
    try:
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    except (ImportError, OSError):
        pass


def _highest_descriptor() -> int:
    return max(int(name) for name in os.listdir("/proc/self/fd"))


def _serve(channel: socket.socket) -> None:
    while True:
        order = _next_order(channel)
        if not order:
            return
        _hold(Script(**json.loads(order)))
        alone = _bury_all()
        try:
            channel.send(ENDED if alone else LEFT)
        except OSError:
            return  # the agent is gone; a later one reads what is written
        if not alone:
            return


def _next_order(channel: socket.socket) -> bytes:
    """Empty when there will be none."""
    poll = select.poll()
    poll.register(channel, select.POLLIN)
    if not poll.poll(_IDLE * 1000):
        # From here on the agent cannot send; what it sent just before is still taken.
        channel.shutdown(socket.SHUT_RD)
    return channel.recv(ORDER_LIMIT)


def _hold(script: Script) -> None:
    started, began = time.time(), time.monotonic()
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM,))
    reading, writing = os.pipe()
    keeper = Keeper(script.quota)
    unwritten = b""
    try:
        pid = _spawn(script, writing)
    except (OSError, ValueError) as error:
        unwritten = keeper.feed(f"cannot start {script.arguments[0]}: {error}\n".encode())
        pid = 0
    os.close(writing)
    output = _Output(reading, script.folder, keeper, unwritten)
    status = _CANNOT_EXEC << 8
    if pid:
        if script.pid_told:
            spool.put_pid(script.folder, pid)
        status = _follow(pid, output)
        _end_rest(script, status, output)
    if script.cgroup:
        cgroups.remove(script.cgroup)
    ended = started + time.monotonic() - began
    _announce(script.folder, status, started, ended, output)
    output.close()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM,))


def _end_rest(script: Script, status: int, output: "_Output") -> None:
    if spool.outlasts(script.folder):
        _outlast(output)
    elif os.WIFEXITED(status) and os.WEXITSTATUS(status) in POWER_BY_EXIT_CODE:
        # The machine goes down next: nothing of the script may still be at work.
        process.kill(lambda: process.descendants(os.getpid()))
        output.drain(_DRAIN)


class _Output:
    """The reading end of a script's output, and where it goes."""

    def __init__(self, reading: int, folder: str, keeper: Keeper, unwritten: bytes) -> None:
        """``unwritten``: of the head, so far."""
        os.set_blocking(reading, False)
        self.reading = reading
        self.open = True
        self._folder = folder
        self.keeper = keeper
        self._head = -1
        self._unwritten = unwritten
        self.flush()

    def take(self) -> bool:
        """Take what has come; False when there will be no more."""
        try:
            data = os.read(self.reading, 65536)
        except BlockingIOError:
            return True
        if not data:
            self.open = False
            return False
        self._unwritten += self.keeper.feed(data)
        self.flush()
        return True

    def drain(self, at_most: float) -> None:
        """Take what is on its way. A child that keeps the output open is not waited for."""
        deadline = time.monotonic() + at_most
        poll = select.poll()
        poll.register(self.reading, select.POLLIN)
        while self.open:
            left = deadline - time.monotonic()
            if left <= 0 or not poll.poll(left * 1000) or not self.take():
                return

    def close(self) -> None:
        if self._head >= 0:
            os.close(self._head)
        os.close(self.reading)

    def flush(self) -> bool:
        """Whether all of the head is written."""
        if not self._unwritten:
            return True
        try:
            if self._head < 0:
                self._head = spool.open_head(self._folder)
            while self._unwritten:
                self._unwritten = self._unwritten[os.write(self._head, self._unwritten) :]
        except OSError:  # the disk is full; with the next output it is tried again
            excess = len(self._unwritten) - _UNWRITTEN
            if excess > 0:
                self._unwritten = self._unwritten[:_UNWRITTEN]
                self.keeper.end_head(excess)
            return False
        return True


def _spawn(script: Script, writing: int) -> int:
    environment = {**os.environ, **script.environment}
    sealed = _in_memory(script) if script.sealed else -1
    try:
        if script.cgroup:
            try:
                return _spawn_into(script, environment, writing, sealed)
            except OSError:
                pass  # the kernel is too old, or the place not ours: it runs without
        if script.user is not None:
            return _fork(os.fork, script, environment, writing, sealed)
        return _spawn_here(script, environment, writing, sealed)
    finally:
        if sealed >= 0:
            os.close(sealed)


def _in_memory(script: Script) -> int:
    """A descriptor of a file that is on no disk, with the script."""
    descriptor = os.memfd_create("script")
    os.fchmod(descriptor, 0o700)
    if script.user is not None:
        os.fchown(descriptor, script.user[0], script.user[1])
    spool.write_all(descriptor, base64.b64decode(script.sealed))
    return descriptor


def _spawn_here(script: Script, environment: "Dict[str, str]", writing: int, sealed: int) -> int:
    actions = [
        (os.POSIX_SPAWN_DUP2, writing, 1),
        (os.POSIX_SPAWN_DUP2, writing, 2),
    ]
    if sealed >= 0:
        actions.append((os.POSIX_SPAWN_DUP2, sealed, _SEALED))
    os.chdir(script.directory)
    try:
        # Does not copy our page tables, as a fork does.
        return os.posix_spawnp(
            script.arguments[0],
            list(script.arguments),
            environment,
            file_actions=actions,
            setsid=True,
            setsigmask=(),
            setsigdef=_IGNORED_BY_PYTHON,
        )
    finally:
        os.chdir("/")


def _spawn_into(script: Script, environment: "Dict[str, str]", writing: int, sealed: int) -> int:
    """In the script's own cgroup; OSError when nothing was started."""
    spool.put_cgroup(script.folder, script.cgroup)
    try:
        fork = functools.partial(cgroups.fork_into, script.cgroup)
        return _fork(fork, script, environment, writing, sealed)
    except OSError:
        spool.forget_cgroup(script.folder)
        raise


def _fork(
    fork: "Callable[[], int]",
    script: Script,
    environment: "Dict[str, str]",
    writing: int,
    sealed: int,
) -> int:
    pid = fork()
    if pid:
        return pid
    try:
        folder = os.open(script.folder, os.O_PATH)  # nobody lists it by this
        os.setsid()
        os.dup2(writing, 1)
        os.dup2(writing, 2)
        if sealed >= 0:
            os.dup2(sealed, _SEALED)
        if script.user is not None:
            uid, gid, groups = script.user
            os.setgroups(list(groups))
            os.setgid(gid)
            os.setuid(uid)
        os.chdir(script.directory)
        for number in _IGNORED_BY_PYTHON:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.execvpe(script.arguments[0], _reachable(script, folder), environment)
    except (OSError, ValueError) as error:
        os.write(2, f"cannot start {script.arguments[0]}: {error}\n".encode())
    finally:
        os._exit(_CANNOT_EXEC)


def _reachable(script: Script, folder: int) -> "List[str]":
    """The arguments for who we are now.

    Above the script may lie a directory that is closed to its user. The script's own is open by a
    descriptor then, which what is started inherits.
    """
    if os.access(script.folder, os.X_OK):
        return list(script.arguments)
    kept = fcntl.fcntl(folder, fcntl.F_DUPFD, _KEPT_FROM)
    return [word.replace(script.folder, f"/proc/self/fd/{kept}") for word in script.arguments]


def _follow(pid: int, output: _Output) -> int:
    """Take output until the script has ended and its output with it; the wait status."""
    ended = machine.pidfd(pid)
    poll = select.poll()
    poll.register(output.reading, select.POLLIN)
    if ended >= 0:
        poll.register(ended, select.POLLIN)
    reap_at = time.monotonic() + _REAP_EVERY
    while True:
        ready = {number for number, _ in poll.poll((_LOOK_EVERY if ended < 0 else 1.0) * 1000)}
        if output.open and output.reading in ready and not output.take():
            poll.unregister(output.reading)
        if ended in ready or ended < 0:
            buried, status = os.waitpid(pid, os.WNOHANG)
            if buried:
                break
        if time.monotonic() >= reap_at:
            _end_if_told(output)
            _bury_orphans(pid)
            reap_at = time.monotonic() + _REAP_EVERY
    if ended >= 0:
        os.close(ended)
    output.drain(_DRAIN)
    if os.WIFSIGNALED(status):
        _end_if_told(output)
    return status


def _end_if_told(output: _Output) -> None:
    """End by the signal that came, if one did, with all kept that the script has said until then.

    A machine that goes down tells all its processes: how the script ended is not told as if it
    had ended by itself.
    """
    if signal.SIGTERM in signal.sigpending():
        output.drain(_LOOK_EVERY)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM,))


def _outlast(output: _Output) -> None:
    """Stay until nothing of the script is left, or all hope."""
    deadline = time.monotonic() + _LAST_WAIT
    while not _bury_all() and time.monotonic() < deadline:
        output.drain(_LOOK_EVERY)
        if not output.open:
            time.sleep(_LOOK_EVERY / 4)
    output.drain(_LOOK_EVERY)


def _bury_all() -> bool:
    """Take the status of whatever has ended; whether we are without children then."""
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                return False
        except ChildProcessError:
            return True


def _bury_orphans(script_pid: int) -> None:
    """Bury orphans that were adopted, but not the script, whose status is wanted."""
    for pid in _zombies():
        if pid != script_pid:
            os.waitpid(pid, os.WNOHANG)


def _zombies() -> "List[int]":
    text = machine.read(f"/proc/self/task/{os.getpid()}/children")
    return [int(word) for word in text.split() if machine.stat(int(word))[:1] == ["Z"]]


def _announce(folder: str, status: int, started: float, ended: float, output: _Output) -> None:
    """What the disk does not take is tried again for a while; then the end without the output."""
    start, end = int(started * 1000), int(ended * 1000)
    keeper = output.keeper
    deadline = time.monotonic() + _NO_SPACE_WAIT
    while not output.flush() and time.monotonic() < deadline:
        time.sleep(_LOOK_EVERY * 10)
    while True:
        try:
            spool.put_end(
                folder,
                status=status,
                start=start,
                end=end,
                tail=keeper.tail,
                total=keeper.total,
            )
            return
        except OSError:
            if time.monotonic() >= deadline:
                return
            time.sleep(_LOOK_EVERY * 10)
