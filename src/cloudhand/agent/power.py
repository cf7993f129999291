"""Stop or restart the machine. When that may be done is for the runner to know."""

from __future__ import annotations

import logging
import os
import subprocess
from typing import Optional, Sequence

log = logging.getLogger(__name__)

_ARGUMENTS = {"stop": ("-h", "now"), "restart": ("-r", "now")}
_TIMEOUT = 60  # seconds


class Power:
    """``command`` is called as COMMAND -h now or COMMAND -r now.

    ``foreign_namespace`` is the PID namespace of whoever made this machine as a sandbox: found
    to be our own, nothing is done, so that a sandbox that does not hold its agent cannot end the
    machine below it.
    """

    def __init__(self, command: "Sequence[str]", foreign_namespace: Optional[str] = None) -> None:
        self._command = tuple(command)
        self._foreign_namespace = foreign_namespace

    def act(self, kind: str) -> bool:
        """Whether the command took the order; what it does may end us before it answers."""
        if self._foreign_namespace and os.readlink("/proc/self/ns/pid") == self._foreign_namespace:
            log.error("power refused: this is no sandbox")
            return False
        order = [*self._command, *_ARGUMENTS[kind]]
        log.warning("power: %s", " ".join(order))
        try:
            done = subprocess.run(order, stdin=subprocess.DEVNULL, timeout=_TIMEOUT, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            log.error("power failed: %s", error)
            return False
        if done.returncode:
            log.error("power failed: %s answered %d", order[0], done.returncode)
        return done.returncode == 0
