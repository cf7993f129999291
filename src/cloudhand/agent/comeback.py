"""When an agent that has lost its control plane tries again: nothing here waits or connects.

Pauses grow, are capped, and are drawn anew by each agent each time, so that a fleet which lost its
control plane in one moment does not return in one. Where nobody answers, one attempt after the
other is made to open the channel, and all else hangs on it: ten thousand agents that poll and beat
as well are more than a control plane that has just started can answer, and what is answered too
late is asked again. Moments are seconds of any one clock.
"""

from __future__ import annotations

from cloudhand.agent.backoff import Backoff, jittered

_LASTING = 60.0  # seconds; a channel that lived so long was a good one
_RETRY_FIRST, _RETRY_LAST = 0.2, 30.0  # seconds between attempts
_POLL_EVERY = 5.0  # seconds between looks for work while the channel is down
_BEAT_FIRST, _BEAT_LAST = 10.0, 60.0  # seconds from a heart-beat that failed to the next
_NEVER = float("inf")


class Comeback:
    """Of a channel: it is opened again at ``open_at``, and until then work is looked for, each
    time at ``look_at``. The first attempt is due at once."""

    def __init__(self, now: float) -> None:
        self.open_at = now
        self.look_at = now + jittered(_POLL_EVERY)
        self._silent = False  # the last look was not answered
        self._backoff = Backoff(_RETRY_FIRST, _RETRY_LAST)

    def opened(self) -> None:
        self.look_at = _NEVER
        self._silent = False

    def ended(self, *, opened_at: float, now: float) -> None:
        """A channel that was asked for at ``opened_at`` is down, or was not opened at all."""
        if now - opened_at > _LASTING:
            self._backoff.reset()
        self.open_at = now + self._backoff.pause()
        if self.look_at == _NEVER:
            # After an attempt that failed a look costs nothing if nobody is there, and where the
            # channel alone is refused it is how that is found out.
            self.look_at = now if self._silent else now + jittered(_POLL_EVERY)

    def looked(self, now: float, *, answered: bool) -> None:
        self._silent = not answered
        self.look_at = now + jittered(_POLL_EVERY) if answered else _NEVER


def beats() -> Backoff:
    """Of heart-beats that fail. Whoever is answered again beats at once."""
    return Backoff(_BEAT_FIRST, _BEAT_LAST)
