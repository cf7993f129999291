"""Stop or restart the machine. When that may be done is for the reporter to know."""

from __future__ import annotations

import os
import time
from typing import Optional, Sequence, Tuple

from cloudhand.agent import log

_ARGUMENTS = {"stop": ("-h", "now"), "restart": ("-r", "now")}
# What is tried one after the other where nobody said what to use.
_USUAL = {
    "stop": (("shutdown", "-h", "now"), ("systemctl", "poweroff"), ("poweroff",)),
    "restart": (("shutdown", "-r", "now"), ("systemctl", "reboot"), ("reboot",)),
}
_TIMEOUT = 60.0  # seconds
_STEP = 0.02


class Power:
    """``command`` is called as COMMAND -h now or COMMAND -r now; None: the usual ones.

    ``foreign_namespace`` is the PID namespace of whoever made this machine as a sandbox: found
    to be our own, nothing is done, so that a sandbox that does not hold its agent cannot end the
    machine below it.
    """

    def __init__(
        self, command: "Optional[Sequence[str]]", foreign_namespace: Optional[str] = None
    ) -> None:
        self._command = tuple(command) if command else None
        self._foreign_namespace = foreign_namespace

    def orders(self, kind: str) -> "Tuple[Tuple[str, ...], ...]":
        """What will be tried to ``stop`` or ``restart``, in that order."""
        if self._command is None:
            return _USUAL[kind]
        return ((*self._command, *_ARGUMENTS[kind]),)

    def act(self, kind: str) -> bool:
        """Whether a command took the order; what it does may end us before it answers."""
        if self._foreign_namespace and os.readlink("/proc/self/ns/pid") == self._foreign_namespace:
            log.error("power refused: this is no sandbox")
            return False
        return any(_done(order) for order in self.orders(kind))


def _done(order: "Tuple[str, ...]") -> bool:
    log.warning(f"power: {' '.join(order)}")
    try:
        pid = os.posix_spawnp(
            order[0],
            order,
            os.environ,
            file_actions=[(os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0)],
            setsigmask=(),
        )
    except OSError as error:
        log.error(f"power failed: cannot start {order[0]}: {error.strerror}")
        return False
    status = _status(pid)
    if status:
        log.error(f"power failed: {order[0]} ended with wait status {status}")
    return not status


def _status(pid: int) -> int:
    """0 for a command that did not fail, also if it still has not ended after a minute."""
    deadline = time.monotonic() + _TIMEOUT
    while time.monotonic() < deadline:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return status
        time.sleep(_STEP)
    return 0
