"""Who listens on a port of this machine, as far as we may know."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_PROC = Path("/proc")
_LISTENS = "0A"  # of a socket's state in /proc/net/tcp


def who_listens(port: int) -> str:
    """A name with its process id; empty if it is a process of somebody else."""
    wanted = {f"socket:[{inode}]" for inode in _inodes(port)}
    for process in _PROC.glob("[0-9]*"):
        if wanted and not wanted.isdisjoint(_links(process / "fd")):
            return f"{_name(process)} (process {process.name})"
    return ""


def _inodes(port: int) -> Iterator[str]:
    for table in ("tcp", "tcp6"):
        try:
            lines = (_PROC / "self/net" / table).read_text().splitlines()[1:]
        except OSError:
            continue  # there may be no IPv6
        for line in lines:
            _, local, _, state, *_, inode = line.split()[:10]
            if state == _LISTENS and int(local.rpartition(":")[2], 16) == port:
                yield inode


def _links(folder: Path) -> Iterator[str]:
    try:
        for entry in os.scandir(folder):
            yield os.readlink(entry.path)
    except OSError:
        return  # it is not ours, or has ended


def _name(process: Path) -> str:
    try:
        return (process / "comm").read_text().strip()
    except OSError:
        return "somebody"
