"""A machine with its own systemd: a container where root may start one, else a virtual machine.

No test knows which of the two it has. From the inside, the control plane of the test is where it is
for us: at a port of 127.0.0.1 that the kernel has chosen.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from tests.guest import disk, nspawn, qemu

_WAYS = {"nspawn": nspawn.missing, "qemu": qemu.missing}  # the first that can is taken
_CHOSEN = os.environ.get("CLOUDHAND_TEST_GUEST")  # one of them


class Guest(Protocol):
    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        """A shell script, inside. A script that a restart ended has -SIGKILL as its code."""

    def files(self) -> dict[str, str]:
        """What there is, with a digest of each file, but for what a system writes by itself."""

    def wait_for_restart(self) -> None:
        """Until it has gone down by itself, and is up again."""


def missing() -> str:
    """Why there can be no guest here; empty if there can."""
    reasons = {way: _WAYS[way]() for way in ([_CHOSEN] if _CHOSEN else _WAYS)}
    if all(reasons.values()):
        return "; ".join(f"{way}: {reason}" for way, reason in reasons.items())
    return ""


def prepare() -> None:
    """Make what guests start from, which takes minutes the first time."""
    nspawn.image() if way() == "nspawn" else disk.start()


@contextmanager
def started(folder: Path, log: Path, *, binds: Sequence[Path] = ()) -> Iterator[Guest]:
    """A fresh one. ``binds``: folders of ours that it sees and cannot change.

    ``folder`` is made, for what the guest needs.
    """
    make = nspawn.Container if way() == "nspawn" else qemu.Computer
    one = make(folder, log, binds=binds)
    try:
        one.start()
        yield one
    finally:
        one.end()


def way() -> str:
    """nspawn or qemu; not where there can be no guest."""
    return _CHOSEN or next(way for way, why_not in _WAYS.items() if not why_not())
