"""What this process has: children, threads, descriptors, temporary files. Each test must leave
as many as it found."""

from __future__ import annotations

import contextlib
import gc
import os
import re
import shutil
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

_PATIENCE = 5.0  # seconds; what was told to end may take a moment
_PAUSE = threading.Event()  # never set

# Threads that live for as long as the process, by the start of their name, and why.
_THREADS = {
    "pytest_timeout": "watches the test itself",
    "execnet": "carries what a worker of xdist says",
}
# Descriptors that one use opens for good, by what they lead to, and why.
_DESCRIPTORS = {
    r"/dev/u?random": "kept by libraries that draw from it",
    r"/dev/null": "kept by whoever silences a child",
    r".*\.(py|pyc|so|pyz|pem)": "being loaded",
    r"/(proc|sys)/.*": "being read",
    r".*/\.hypothesis/.*": "examples of hypothesis",
}
_ALLOWED = re.compile("|".join(f"(?:{pattern})" for pattern in _DESCRIPTORS))


# Kinds of belongings.
OUTSIDE = frozenset({"process", "temporary file"})  # what others can see
LASTING = OUTSIDE | {"thread", "program"}  # libraries may keep a descriptor until the process ends
ALL = LASTING | {"descriptor"}

Belongings = set[tuple[str, object]]  # kinds, and what tells one of a kind from others


def belongings() -> Belongings:
    return set(
        [
            *((_kind(pid), pid) for pid in _children()),
            *(("thread", thread) for thread in _threads()),
            *(("descriptor", descriptor) for descriptor in _descriptors()),
            *(("temporary file", name) for name in _files()),
        ]
    )


def _kind(pid: int) -> str:
    """What runs programs of strangers is started when it is needed, and belongs to a pool."""
    return "program" if "cloudhand.programs.child" in _command(pid) else "process"


def left(before: Belongings, *, only: frozenset[str]) -> list[str]:
    """What is here now and was not before, in words; waits a moment for it to go."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        new = [(kind, which) for kind, which in belongings() - before if kind in only]
        if not new or time.monotonic() > deadline:
            return [f"{kind} {_described(which)}" for kind, which in new]
        _collect()
        _PAUSE.wait(0.02)


def _collect() -> None:
    """What is only in cycles goes; libraries of others leave sockets there. For our own ones the
    interpreter complains when it collects them by itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def _described(which: object) -> str:
    match which:
        case int(pid):
            return f"{pid}: {_command(pid)}"
        case threading.Thread():
            return which.name
        case _:
            return str(which)


def _children() -> Iterator[int]:
    """Direct ones that live: what they started is theirs to end, and of those that have ended
    without being waited for the interpreter itself complains."""
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):  # a thread that has just ended
            yield from filter(_lives, map(int, (task / "children").read_text().split()))


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def _command(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
    except OSError:
        return "ended meanwhile"
    return words.decode(errors="replace").strip()


def _threads() -> Iterator[threading.Thread]:
    for thread in threading.enumerate():
        if not thread.name.startswith(tuple(_THREADS)):
            yield thread


def _descriptors() -> Iterator[tuple[int, str]]:
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # the one by which we look
            path = os.readlink(f"/proc/self/fd/{name}")
            if not _ALLOWED.fullmatch(path):
                yield int(name), path


def _files() -> Iterator[str]:
    """In the temporary folder of this test run, which nobody else uses."""
    return (name for name in os.listdir(folder()) if not name.startswith("pytest-of-"))


def folder() -> str:
    return _folders[-1]


_folders: list[str] = []


def own_temporary_folder() -> Callable[[], None]:
    """Make one, for this process and all that it starts; what gives up that folder."""
    before = tempfile.tempdir, os.environ.get("TMPDIR")
    made = tempfile.mkdtemp(prefix="cht-")
    # As /tmp is: other users pass through and write.
    os.chmod(made, 0o1777)
    _folders.append(made)
    tempfile.tempdir = made
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", before[1] or "/tmp")
    os.environ["TMPDIR"] = made

    def give_up() -> None:
        _folders.remove(made)
        tempfile.tempdir = before[0]
        if before[1] is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = before[1]
        shutil.rmtree(made, ignore_errors=True)  # what lies there has been complained of

    return give_up
