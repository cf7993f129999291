"""When an agent that has lost its control plane tries again: nothing here waits or connects.

Pauses grow, are capped, and are drawn anew by each agent each time, so that a fleet which lost its
control plane in one moment does not return in one. Moments are seconds of any one clock.
"""

from __future__ import annotations

from cloudhand.agent.backoff import Backoff, jittered

_LASTING = 60.0  # seconds; a channel that lived so long was a good one
_RETRY_FIRST, _RETRY_LAST = 0.2, 30.0  # seconds between attempts
_POLL_EVERY = 5.0  # seconds between looks for work while the channel is down
_BEAT_AGAIN = 10.0  # seconds, after a heart-beat that failed


class Comeback:
    """Of a channel: it is opened again at ``open_at``, and until then work is looked for, each
    time at ``look_at``."""

    def __init__(self, now: float) -> None:
        self.open_at = now
        self.look_at = now + jittered(_POLL_EVERY)
        self._backoff = Backoff(_RETRY_FIRST, _RETRY_LAST)

    def ended(self, *, opened_at: float, now: float) -> None:
        """A channel that was asked for at ``opened_at`` is down, or was not opened at all."""
        if now - opened_at > _LASTING:
            self._backoff.reset()
        self.open_at = now + self._backoff.pause()

    def looked(self, now: float) -> None:
        self.look_at = now + jittered(_POLL_EVERY)


def beat_again() -> float:
    """Seconds from a heart-beat that failed to the next."""
    return jittered(_BEAT_AGAIN)
