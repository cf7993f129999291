"""Write a file beside its place, and put it there by one step: as a whole or not at all."""

from __future__ import annotations

import grp
import os
import pwd
import re
from dataclasses import dataclass
from typing import Callable

from cloudhand import faults
from cloudhand.agent import lasting, spool
from cloudhand.agent.directory import open_directory
from cloudhand.agent.prepare import Refused, id_exists
from cloudhand.wire import agent as wire

_CREATE, _CHOWN, _CHMOD, _MKDIR = "1", "2", "3", "4"  # what failed, as the protocol counts
_MODE = re.compile(r"[0-7]{3,4}\Z")
_LONGEST_NAME = 255  # bytes


class Unwritable(Exception):
    """A file that could not be written; ``code`` as the protocol counts."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(why)
        self.code = code


@dataclass(frozen=True)
class Place:
    """Where a file goes, as the journal keeps it."""

    directory: str
    name: str
    part: str  # its name until it is in its place
    overwrite: bool
    uid: int
    gid: int
    mode: int

    def open(self, *, make: bool) -> int:
        """Its directory, to be closed by the caller; Unwritable."""
        try:
            return open_directory(self.directory, self._trusts, make=make)
        except OSError as error:
            why = f"cannot use the directory {self.directory}: {error.strerror}"
            raise Unwritable(_MKDIR, why) from error

    def _trusts(self, uid: int) -> bool:
        """Nobody on this machine can be a user who has no id in our namespace."""
        return uid in (0, os.geteuid(), self.uid) or not id_exists("uid", uid)


def place_of(task: wire.FileTask) -> Place:
    """Refused for what cannot be written anywhere."""
    name = task.name
    if name in ("", ".", "..") or {"/", "\0"} & set(name) or len(name.encode()) > _LONGEST_NAME:
        raise Refused("FileNameInvalid", name)
    if not task.content:
        raise Refused("EmptyFile", name)
    if task.mode and not _MODE.match(task.mode):
        raise Refused("InvalidFileMode", task.mode)
    return Place(
        directory=task.directory,
        name=name,
        part=f".{task.task_id}.part",
        overwrite=task.overwrite,
        uid=_uid(task.owner),
        gid=_gid(task.group),
        mode=int(task.mode or "0644", 8),
    )


def _uid(owner: str) -> int:
    try:
        return pwd.getpwnam(owner).pw_uid if owner else os.geteuid()
    except KeyError:
        raise Refused("FileOwnerNotExist", owner) from None


def _gid(group: str) -> int:
    try:
        return grp.getgrnam(group).gr_gid if group else os.getegid()
    except KeyError:
        raise Refused("FileGroupNotExist", group) from None


def write(place: Place, content: bytes, placing: "Callable[[], None]") -> None:
    """Refused; Unwritable. ``placing`` is called before the one step that others can see."""
    directory = place.open(make=True)
    try:
        try:
            _write_part(directory, place, content)
            # Where its name is gone once the journal has the next line, it is in its place.
            _sync(directory)
            faults.point("agent.file-written")
            placing()
        except OSError as error:
            raise Unwritable(_CREATE, f"cannot write {place.name}: {error.strerror}") from error
        faults.point("agent.file-placing")
        _put(directory, place)
        faults.point("agent.file-placed")
    except (Refused, Unwritable):
        _remove(directory, place.part)
        raise
    finally:
        os.close(directory)


def put_again(place: Place) -> None:
    """Do the step unless an earlier agent has done it; Refused; Unwritable."""
    directory = place.open(make=False)
    try:
        try:
            os.stat(place.part, dir_fd=directory, follow_symlinks=False)
        except FileNotFoundError:
            return  # it was done: nothing else takes the other name away
        _put(directory, place)
    except (Refused, Unwritable):
        _remove(directory, place.part)
        raise
    finally:
        os.close(directory)


def clear(place: Place) -> None:
    """Remove what was written of a file whose place was not touched."""
    try:
        directory = place.open(make=False)
    except Unwritable:
        return  # then nothing was written there
    _remove(directory, place.part)
    os.close(directory)


def _write_part(directory: int, place: Place, content: bytes) -> None:
    """OSError; Unwritable. Nobody else can read it before it is what was asked for."""
    _remove(directory, place.part)  # what an agent left that was killed
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    file = os.open(place.part, flags, 0o600, dir_fd=directory)
    try:
        spool.write_all(file, content)
        _own(file, place)
        os.fsync(file)
    finally:
        os.close(file)


def _own(file: int, place: Place) -> None:
    found = os.fstat(file)
    code = _CHOWN
    try:
        if (found.st_uid, found.st_gid) != (place.uid, place.gid):
            os.fchown(file, place.uid, place.gid)
        code = _CHMOD
        os.fchmod(file, place.mode)
    except OSError as error:
        what = "give it to its owner" if code == _CHOWN else "set its mode"
        raise Unwritable(code, f"cannot {what}: {error.strerror}") from error


def _put(directory: int, place: Place) -> None:
    """The one step; Refused; Unwritable."""
    try:
        if place.overwrite:
            os.rename(place.part, place.name, src_dir_fd=directory, dst_dir_fd=directory)
        else:
            _link(directory, place)
    except OSError as error:
        why = f"cannot put {place.name} into its place: {error.strerror}"
        raise Unwritable(_CREATE, why) from error
    _sync(directory)


def _link(directory: int, place: Place) -> None:
    """Unlike a rename, a link puts nothing in the place of what is there."""
    try:
        os.link(
            place.part,
            place.name,
            src_dir_fd=directory,
            dst_dir_fd=directory,
            follow_symlinks=False,
        )
    except FileExistsError:
        part = os.stat(place.part, dir_fd=directory, follow_symlinks=False)
        there = os.stat(place.name, dir_fd=directory, follow_symlinks=False)
        if not os.path.samestat(part, there):  # else an earlier agent was killed right here
            raise Refused("FileExist", place.name) from None
    os.unlink(place.part, dir_fd=directory)


def _sync(directory: int) -> None:
    """Make the names in it survive a power cut."""
    try:
        lasting.sync_names(".", dir_fd=directory)
    except OSError:
        pass  # a disk that is failing; the file is there


def _remove(directory: int, name: str) -> None:
    try:
        os.unlink(name, dir_fd=directory)
    except OSError:
        pass  # it is not there, or stays as litter that nothing reads
