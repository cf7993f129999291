"""A network of one's own, in which nothing is but loopback."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Self

# Nobody has brought loopback up there yet, and `ip` need not be installed.
_HOLD = """
import fcntl, socket, struct, sys
with socket.socket() as any:
    fcntl.ioctl(any, 0x8914, struct.pack("16sH14x", b"lo", 1))  # SIOCSIFFLAGS, IFF_UP
print("up", flush=True)
sys.stdin.read()
"""
_TOOLS = ("unshare", "nsenter")


@cache
def missing() -> str:
    """Why there can be none here; empty if there can."""
    absent = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if absent:
        return f"there is no {', '.join(absent)}"
    done = subprocess.run([*_unshare(), "true"], capture_output=True, text=True, check=False)
    return done.stderr.strip()


def _unshare() -> list[str]:
    # Who is not root becomes it in there, and remains who they are outside.
    return ["unshare", "--net", *([] if os.geteuid() == 0 else ["--map-root-user"])]


class Island:
    """Use it in a with statement."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._holder = subprocess.Popen(
            [*_unshare(), sys.executable, "-c", _HOLD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == "up\n"
        return self

    def __exit__(self, *_: object) -> None:
        self._holder.communicate("")

    def start(self, words: Sequence[str], **options: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*self._enter(), *words], env=self._environment, text=True, **options
        )

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self._enter(), *words],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def _enter(self) -> list[str]:
        user = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
        return ["nsenter", "--target", str(self._holder.pid), "--net", *user]
