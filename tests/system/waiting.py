"""Wait for a condition, with a bound: for what no event tells."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

Answer = TypeVar("Answer")

_TICK = threading.Event()  # never set


def until(look: Callable[[], Answer | None], *, at_most: float = 30.0, what: str = "it") -> Answer:
    """What ``look`` gives as soon as that is something."""
    deadline = time.monotonic() + at_most
    while not (found := look()):
        assert time.monotonic() < deadline, f"{what} did not happen in {at_most} seconds"
        _TICK.wait(0.02)
    return found
