"""The directory that a file is written into, found without being led astray.

It is walked from the root, each part within the one before, so that nothing that others move
meanwhile matters. A symbolic link is followed only if somebody made it who is trusted.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import Callable, List

from cloudhand.agent import lasting

_FLAGS = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_LINKS_AT_MOST = 40  # as many as the kernel follows

Trusts = Callable[[int], bool]  # whether the links of a user are followed


def open_directory(path: str, trusts: Trusts, *, make: bool) -> int:
    """A descriptor, to be closed by the caller; OSError. ``make``: what is missing."""
    left: List[str] = path.split("/")[::-1]
    links = 0
    directory = os.open("/", _FLAGS)
    try:
        while left:
            name = left.pop()
            if name in ("", "."):
                continue
            try:
                below = _below(directory, name, make)
            except NotADirectoryError:
                links += 1
                if links > _LINKS_AT_MOST:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path) from None
                target = _target(directory, name, trusts)
                left += target.split("/")[::-1]
                if not target.startswith("/"):
                    continue
                below = os.open("/", _FLAGS)
            os.close(directory)
            directory = below
    except OSError:
        os.close(directory)
        raise
    return directory


def _below(directory: int, name: str, make: bool) -> int:
    try:
        return os.open(name, _FLAGS, dir_fd=directory)
    except FileNotFoundError:
        if not make:
            raise
    try:
        os.mkdir(name, 0o755, dir_fd=directory)
        lasting.sync_names(".", dir_fd=directory)
    except FileExistsError:
        pass  # somebody else made it just now
    return os.open(name, _FLAGS, dir_fd=directory)


def _target(directory: int, name: str, trusts: Trusts) -> str:
    """Where a link leads; NotADirectoryError if it is none."""
    link = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    try:
        found = os.fstat(link)
        if not stat.S_ISLNK(found.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), name)
        if not trusts(found.st_uid):
            raise PermissionError(errno.EACCES, "a link that another user has laid", name)
        return os.readlink("", dir_fd=link)
    finally:
        os.close(link)
