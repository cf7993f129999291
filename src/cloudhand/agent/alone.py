"""One agent per state: two would fight for the channel, and each would miss what the other writes
into the journal. The lock lasts as long as its process, however that ends.
"""

from __future__ import annotations

import fcntl
import os

_FILE = "lock"
STARTING = "starting"  # lock of an agent that may try another below itself, which has the usual one


class NotAlone(Exception):
    """One sentence for who started the second agent."""


def be_alone(state: str, name: str = _FILE) -> None:
    """Be the agent of this state until this process ends; NotAlone when another is."""
    # Never closed. A lock of this kind is not inherited: neither holders nor scripts keep it.
    file = os.open(os.path.join(state, name), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = os.pread(file, 32, 0).decode("ascii", "replace") or "unknown"
        raise NotAlone(
            f"another agent (pid {pid}) runs with this state, {state};"
            " stop it first, or name another directory with --state"
        ) from None
    os.ftruncate(file, 0)
    os.pwrite(file, str(os.getpid()).encode(), 0)
