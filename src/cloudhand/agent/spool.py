"""The folder of one task: what its holder writes while nobody may be watching.

Written by the holder, read by whichever agent lives then. It is flat.
"""

from __future__ import annotations

import binascii
import json
import os
from dataclasses import dataclass
from typing import Optional, Tuple

from cloudhand.agent import lasting, machine

TASKS = "tasks"  # of a state: the folders of all tasks
SCRIPT = "script"
_PID = "pid"  # of the script's first process, where somebody wants to know it
_CGROUP = "cgroup"  # the path of the script's own, where it has one
_HEAD = "head"  # of the output, growing
_TAIL = "tail"  # of the output, written at the end
_END = "end"  # how it ended; the last thing that a holder writes
_PIECE = 1024 * 1024  # bytes that are read at once
_CAUSE = "cause"  # made by the agent: why it ends the script, before it does
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
    """Make a folder and what is in it survive a power cut; OSError."""
    for path in [os.path.join(folder, name) for name in os.listdir(folder)] + [folder]:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    lasting.sync_names(os.path.dirname(folder))


def put_pid(folder: str, pid: int) -> None:
    write_file(os.path.join(folder, _PID), str(pid).encode())


def script_pid(folder: str) -> int:
    """The script's first process; 0 while that is not known."""
    return int(machine.read(os.path.join(folder, _PID)) or 0)


def put_cgroup(folder: str, path: str) -> None:
    """Before anything is in it. OSError."""
    write_file(os.path.join(folder, _CGROUP), path.encode())


def forget_cgroup(folder: str) -> None:
    os.unlink(os.path.join(folder, _CGROUP))


def cgroup(folder: str) -> str:
    """Empty where the script has none of its own."""
    return machine.read(os.path.join(folder, _CGROUP))


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


def kept_sum(folder: str) -> "Tuple[int, int]":
    """Bytes of head and tail, and their CRC-32; OSError."""
    size = crc = 0
    while True:
        piece = read_kept(folder, size, _PIECE)
        if not piece:
            return size, crc
        size, crc = size + len(piece), binascii.crc32(piece, crc)


def drop_zeros(folder: str) -> None:
    """At the end of the head, where a power cut leaves them in place of what came last."""
    size = _size(folder, _HEAD)
    kept = len(_part(os.path.join(folder, _HEAD), 0, size).rstrip(b"\0"))
    if kept < size:
        os.truncate(os.path.join(folder, _HEAD), kept)


def _size(folder: str, name: str) -> int:
    try:
        return os.stat(os.path.join(folder, name)).st_size
    except OSError:
        return 0


def end_for(folder: str, how: str) -> None:
    """Note that the script is ended now, as the kind of the report that will say so."""
    try:
        write_file(os.path.join(folder, _CAUSE), how.encode())
    except OSError:
        pass  # on a full disk this agent still knows, and only one that follows it does not


def ended_for(folder: str) -> str:
    """Empty if nobody has ended it."""
    return machine.read(os.path.join(folder, _CAUSE))


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
