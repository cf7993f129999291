"""A cgroup (version 2) for each script, where we may make one: the kernel then knows its processes.

They are made below the agent's own, which is left as it is: no controllers, so that the agent may
stay in it. An empty one that bears our name is nobody's, and whichever agent meets it removes it.
"""

from __future__ import annotations

import os
import signal
import time
from typing import List, Set

from cloudhand.agent import machine

_PREFIX = "cloudhand-"  # of what we make
_SYSTEMD = "/run/systemd/system"  # there where systemd is the one who owns all cgroups
_DELEGATED = ("trusted.delegate", "user.delegate")  # attributes by which it says: no more
_CLONE3 = 435  # on every architecture that has it
_CLONE_INTO_CGROUP = 0x200000000
_CLONE_ARGUMENTS = 88  # bytes: eleven numbers, the last of which is the cgroup
_FREEZES_WITHIN = 0.2  # seconds; a process that waits for a disk freezes later, and forks as little
_LOOK_EVERY = 0.002
_ATTEMPTS = 3


def home() -> str:
    """The agent's own cgroup, if it may make others below it; else empty."""
    found = _own()
    if not found or not os.access(found, os.W_OK):
        return ""
    return found if not os.path.isdir(_SYSTEMD) or _is_delegated(found) else ""


def fresh(below: str) -> str:
    """The path of one that is not there yet."""
    return os.path.join(below, _PREFIX + os.urandom(8).hex())


def fork_into(path: str) -> int:
    """Make a cgroup, and fork a child that is in it from its birth; OSError where none may be.

    For a process with one thread. To move a child into it, once it is there, would take the kernel
    some 10 ms, and what the child starts meanwhile would not be in it.
    """
    for attempt in range(_ATTEMPTS):
        os.mkdir(path)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
            try:
                return _clone_into(descriptor)
            finally:
                os.close(descriptor)
        except OSError:
            gone = not os.path.isdir(path)  # another agent took it for a left-over
            remove(path)
            if not gone or attempt == _ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


def members(path: str) -> "Set[int]":
    """All living processes in it, and in those that they have made below it."""
    found: Set[int] = set()
    for folder in _tree(path):
        words = machine.read(os.path.join(folder, "cgroup.procs")).split()
        # Of a process that this machine cannot see the kernel says 0.
        found.update(int(word) for word in words if word != "0")
    return found


def freeze(path: str) -> None:
    """Let none of its processes go on, or fork; as far as the kernel can."""
    if not _write(path, "cgroup.freeze", b"1"):
        return
    deadline = time.monotonic() + _FREEZES_WITHIN
    while "frozen 1" not in machine.read(os.path.join(path, "cgroup.events")):
        if time.monotonic() >= deadline:
            return
        time.sleep(_LOOK_EVERY)


def kill(path: str) -> None:
    """Kill all that is in it, whatever it does meanwhile."""
    if not _write(path, "cgroup.kill", b"1"):
        kill_each(path)  # Linux before 5.14


def kill_each(path: str) -> None:
    """The same of what is frozen."""
    for pid in members(path):
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError:
            pass  # it has ended


def remove(path: str) -> None:
    """With those below it, unless something lives in one of them."""
    if "populated 1" in machine.read(os.path.join(path, "cgroup.events")):
        return
    for folder in reversed(_tree(path)):
        try:
            os.rmdir(folder)
        except OSError:
            return  # it is met again


def sweep(below: str) -> None:
    """Remove the empty ones that agents have left, ours or others."""
    if not below:
        return
    try:
        names = os.listdir(below)
    except OSError:
        return
    for name in names:
        if name.startswith(_PREFIX):
            remove(os.path.join(below, name))


def _own() -> str:
    """Where in the file system our cgroup is; empty where version 2 is not to be seen."""
    lines = machine.read("/proc/self/cgroup").splitlines()
    inside = next((line[3:] for line in lines if line.startswith("0::/")), "")
    for line in machine.read("/proc/self/mountinfo").splitlines():
        fields, _, source = line.partition(" - ")
        root, point = fields.split()[3:5]
        if source.startswith("cgroup2 ") and _is_below(inside, root):
            return os.path.join(point, os.path.relpath(inside, root)).removesuffix("/.")
    return ""


def _is_below(inside: str, root: str) -> bool:
    # What is outside our namespace of cgroups begins with /.. and is not to be reached.
    return not inside.startswith("/..") and f"{inside}/".startswith(root.rstrip("/") + "/")


def _is_delegated(path: str) -> bool:
    for name in _DELEGATED:
        try:
            if os.getxattr(path, name) == b"1":
                return True
        except OSError:
            continue
    return False


def _clone_into(descriptor: int) -> int:
    """As os.fork."""
    import ctypes  # the holder has it already

    words = [0] * (_CLONE_ARGUMENTS // 8)
    words[0], words[4], words[10] = _CLONE_INTO_CGROUP, signal.SIGCHLD, descriptor
    arguments = (ctypes.c_uint64 * len(words))(*words)
    library = ctypes.PyDLL(None, use_errno=True)  # keeps the lock, which the child is to have
    library.syscall.restype = ctypes.c_long
    pid = library.syscall(
        ctypes.c_long(_CLONE3), ctypes.byref(arguments), ctypes.c_size_t(_CLONE_ARGUMENTS)
    )
    if pid < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return int(pid)


def _tree(path: str) -> "List[str]":
    """The cgroup and all below it, each after the one around it."""
    return [folder for folder, _, _ in os.walk(path)]


def _write(path: str, name: str, what: bytes) -> bool:
    try:
        descriptor = os.open(os.path.join(path, name), os.O_WRONLY)
        try:
            os.write(descriptor, what)
        finally:
            os.close(descriptor)
    except OSError:
        return False
    return True
