"""How long to wait before the next attempt: growing, capped, and never in step with others."""

from __future__ import annotations

import os


class Backoff:
    """Seconds to wait, one after the other."""

    def __init__(self, first: float, last: float) -> None:
        self._first = first
        self._last = last
        self._next = first

    def pause(self) -> float:
        """The next pause, of half to all of what is due."""
        wait, self._next = self._next, min(self._next * 2, self._last)
        return jittered(wait)

    def reset(self) -> None:
        self._next = self._first


def jittered(seconds: float) -> float:
    """Half to all of a time. The random module would cost an idle agent memory."""
    return seconds * (0.5 + os.urandom(1)[0] / 510)
