"""One task that is being followed: who asks for its stop, and whether its script has ended."""

from __future__ import annotations

import os
import select
import threading
import time
from typing import Optional

from cloudhand.agent import machine
from cloudhand.agent.holders import Holder
from cloudhand.agent.journal import Entry

_LOOK_EVERY = 0.05  # seconds, where the kernel has no pidfd


class Watch:
    """A task that is being followed, and how its thread is told of what comes from outside."""

    def __init__(self) -> None:
        self.reading, self._writing = os.pipe()
        self.stopped_at = 0.0  # by the monotonic clock, when a stop was heard of first

    @property
    def stopped(self) -> bool:
        return bool(self.stopped_at)

    def stop(self) -> None:
        self.stopped_at = self.stopped_at or time.monotonic()
        self.wake()

    def wake(self) -> None:
        os.write(self._writing, b".")

    def close(self) -> None:
        os.close(self.reading)
        os.close(self._writing)


class ScriptEnd:
    """Waits for the end of a script, or for somebody who wants something else."""

    def __init__(self, entry: Entry, holder: Optional[Holder], watch: Watch) -> None:
        self._entry = entry
        self._holder = holder
        self._watch = watch
        self._poll = select.poll()
        self._poll.register(watch.reading, select.POLLIN)
        self._pidfd = -1
        if holder is not None:
            self._end = holder.channel.fileno()
        else:
            self._end = self._pidfd = machine.pidfd(entry.holder_pid) if entry.lives else -1
        if self._end >= 0:
            self._poll.register(self._end, select.POLLIN)

    def close(self) -> None:
        if self._pidfd >= 0:
            os.close(self._pidfd)

    def wait_until(
        self,
        moment: Optional[float],
        *,
        or_closing: Optional[threading.Event] = None,
        regardless: bool = False,
    ) -> bool:
        """Whether it has ended; False when the moment has come, or it is to be stopped."""
        while not self._over(0):
            if not regardless and (self._watch.stopped or (or_closing and or_closing.is_set())):
                return False
            left = 3600.0 if moment is None else moment - time.monotonic()
            if left <= 0:
                return False
            if self._over(left):
                return True
        return True

    def _over(self, at_most: float) -> bool:
        if self._end < 0:
            # An earlier agent's holder, on a kernel without pidfd; or it ended before we came.
            if not self._entry.lives:
                return True
            at_most = min(at_most, _LOOK_EVERY)
        ready = {number for number, _ in self._poll.poll(at_most * 1000)}
        if self._watch.reading in ready and at_most:
            os.read(self._watch.reading, 64)
        return self._end in ready
