"""How commands find a running control plane of the same user: a folder of pointers.

Each is a file that holds the path of a state directory, and that its process keeps locked for
as long as it lives, so that what a killed process left behind is known to be stale.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def folder() -> Path:
    base = os.environ.get("XDG_RUNTIME_DIR") or str(Path("~/.local/state").expanduser())
    return Path(base) / "cloudhand"


@contextmanager
def pointed_to(state: Path) -> Iterator[None]:
    """Let other commands find the control plane of this state directory."""
    folder().mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder() / f"{os.getpid()}.state"
    with open(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(str(state))
        file.flush()
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def living() -> list[Path]:
    """The state directories of the control planes that live, the one started last first."""
    try:
        where = folder()
    except RuntimeError:  # this user has no home
        return []
    pointers = sorted(((_age(path), path) for path in where.glob("*.state")), reverse=True)
    return [state for _, path in pointers if (state := _living(path)) is not None]


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0  # it ended while we looked


def _living(path: Path) -> Path | None:
    try:
        with path.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return Path(file.read())
            path.unlink(missing_ok=True)
    except OSError:
        pass
    return None
