"""The folder of one task: what its holder writes while nobody may be watching.

Written by the holder, read by whichever agent lives then. It is flat.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Optional

from cloudhand.agent import machine

TASKS = "tasks"  # of a state: the folders of all tasks
SCRIPT = "script"
_PID = "pid"  # of the script's first process, where somebody wants to know it
_HEAD = "head"  # of the output, growing
_TAIL = "tail"  # of the output, written at the end
_END = "end"  # how it ended; the last thing that a holder writes
_OUTLAST = "outlast"  # made by the agent: end only when nothing of the script is left


@dataclass(frozen=True)
class Ended:
    """How a script ended."""

    status: int  # as waitpid has it
    start: int  # ms since the epoch
    end: int
    total: int  # bytes of output that it made

    @property
    def exit_code(self) -> int:
        """128+n for a signal, as a shell counts."""
        code = os.waitstatus_to_exitcode(self.status)
        return 128 - code if code < 0 else code

    @property
    def by_itself(self) -> bool:
        return os.WIFEXITED(self.status)


def make(folder: str) -> None:
    # Others may pass through, since the script of another user lies in it, but not look.
    os.makedirs(folder, mode=0o711, exist_ok=True)


def remove(folder: str) -> None:
    try:
        for name in os.listdir(folder):
            os.unlink(os.path.join(folder, name))
        os.rmdir(folder)
    except OSError:
        pass  # what is left costs some bytes, and nothing reads it


def sync(folder: str) -> None:
    """Make what is in a folder survive a power cut; OSError."""
    for path in [os.path.join(folder, name) for name in os.listdir(folder)] + [folder]:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def put_pid(folder: str, pid: int) -> None:
    write_file(os.path.join(folder, _PID), str(pid).encode())


def script_pid(folder: str) -> int:
    """The script's first process; 0 while that is not known."""
    return int(machine.read(os.path.join(folder, _PID)) or 0)


def open_head(folder: str) -> int:
    """A descriptor to which the head of the output is appended."""
    path = os.path.join(folder, _HEAD)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def kept_size(folder: str) -> int:
    """Bytes of head and tail, as far as they are written."""
    return _size(folder, _HEAD) + _size(folder, _TAIL)


def read_kept(folder: str, offset: int, at_most: int) -> bytes:
    """A piece of head and tail, as far as they are written."""
    head = _size(folder, _HEAD)
    piece = _part(os.path.join(folder, _HEAD), offset, at_most) if offset < head else b""
    rest = at_most - len(piece)
    if rest and offset + len(piece) >= head:
        piece += _part(os.path.join(folder, _TAIL), offset + len(piece) - head, rest)
    return piece


def _size(folder: str, name: str) -> int:
    try:
        return os.stat(os.path.join(folder, name)).st_size
    except OSError:
        return 0


def ask_to_outlast(folder: str) -> None:
    """Have the holder stay until nothing of the script is left, so that nothing escapes it."""
    try:
        write_file(os.path.join(folder, _OUTLAST), b"")
    except OSError:
        pass  # on a full disk what escapes is still found by its mark


def outlasts(folder: str) -> bool:
    return os.path.exists(os.path.join(folder, _OUTLAST))


def put_end(folder: str, *, status: int, start: int, end: int, tail: bytes, total: int) -> None:
    """Announce the end, as a whole; OSError."""
    if tail:
        write_file(os.path.join(folder, _TAIL), tail)
    values = {"status": status, "start": start, "end": end, "total": total}
    part = os.path.join(folder, _END + ".part")
    write_file(part, json.dumps(values).encode())
    os.rename(part, os.path.join(folder, _END))


def read_end(folder: str) -> Optional[Ended]:
    """None while the script runs, and for ever if its holder was killed, or if the power was cut
    before the disk had it."""
    text = machine.read(os.path.join(folder, _END))
    try:
        values = json.loads(text)
    except ValueError:
        return None
    return Ended(values["status"], values["start"], values["end"], values["total"])


def write_file(path: str, content: bytes, mode: int = 0o600) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        write_all(descriptor, content)
    finally:
        os.close(descriptor)


def write_all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def _part(path: str, offset: int, at_most: int) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return b""
    try:
        return os.pread(descriptor, at_most, offset)
    finally:
        os.close(descriptor)
