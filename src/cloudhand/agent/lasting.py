"""Names that survive a power cut.

That a file was fsynced makes its content last. Its name, and what a rename did, last only once the
directory was fsynced, too: until then a power cut may bring back what was there before, or nothing.
"""

from __future__ import annotations

import errno
import os
from typing import Optional

_UNKNOWN = (errno.EINVAL, errno.ENOTSUP)  # from file systems that have no such thing


def sync_names(folder: str, *, dir_fd: Optional[int] = None) -> None:
    """Of a directory; OSError. Nothing of one that may be written and not read."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=dir_fd)
    except PermissionError:
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _UNKNOWN:
            raise
    finally:
        os.close(descriptor)


def make_directory(path: str) -> None:
    """With all above it that are missing; OSError."""
    if os.path.isdir(path):
        return
    above = os.path.dirname(os.path.abspath(path))
    make_directory(above)
    try:
        os.mkdir(path)
    except FileExistsError:
        if not os.path.isdir(path):
            raise
    sync_names(above)
