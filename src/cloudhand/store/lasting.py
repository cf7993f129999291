"""Files and names that survive a power cut.

That a file was fsynced makes its content last. Its name, and what a rename did, last only once the
directory was fsynced, too: until then a power cut may bring back what was there before, or nothing.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

_UNKNOWN = (errno.EINVAL, errno.ENOTSUP)


def write_whole(path: Path, content: bytes, mode: int) -> None:
    """Whole or as it was, whenever this is cut off, and from now on whole; OSError."""
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    sync(path.parent)


def make_folder(folder: Path, mode: int = 0o777) -> None:
    """With all above it that are missing; FileExistsError, OSError."""
    missing = [folder]
    while not (above := missing[-1].absolute().parent).exists():
        missing.append(above)
    for path in reversed(missing):
        path.mkdir(mode=mode, exist_ok=path is not folder)
        sync(path.absolute().parent)


def sync(path: Path) -> None:
    """A file's content, or the names in a directory; OSError.

    Nothing of what may be written and not read, or where a file system knows no such thing.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except PermissionError:
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _UNKNOWN:
            raise
    finally:
        os.close(descriptor)
