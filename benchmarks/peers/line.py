"""The line between controller and machine: two addresses of loopback that the kernel can part.

Each reaches the other from its own address. A line that is cut drops packets without a word, as a
pulled cable does: connections stay, and go on when it is healed.
"""

from __future__ import annotations

import subprocess

MACHINE = "127.0.0.2"
CONTROLLER = "127.0.0.3"
_PAIRS = ((MACHINE, CONTROLLER), (CONTROLLER, MACHINE))


def heal() -> None:
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    _forget()
    for there, here in _PAIRS:
        _add("local", there, "dev", "lo", "src", here)


def cut() -> None:
    _forget()
    for there, _ in _PAIRS:
        _add("unreachable", there)


def forget_connections() -> None:
    """While it is cut, the controller's end of each connection is gone, and nobody is told."""
    for address in (MACHINE, CONTROLLER):
        words = ["ss", "--kill", "--tcp", "src", CONTROLLER, "dst", address]
        subprocess.run(words, check=True, capture_output=True)


def _forget() -> None:
    for there, _ in _PAIRS:
        subprocess.run(
            ["ip", "route", "del", f"{there}/32", "table", "local"],
            check=False,
            capture_output=True,
        )


def _add(kind: str, there: str, *words: str) -> None:
    subprocess.run(
        ["ip", "route", "add", kind, f"{there}/32", "table", "local", *words], check=True
    )
