"""Counts the signals that reach it, until USR1 asks for the count; ends with 7."""

from __future__ import annotations

import os
import signal

WATCHED = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}

signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED | {signal.SIGUSR1, signal.SIGALRM})
print("ready", os.getpid(), flush=True)
first = signal.sigwait(WATCHED)
count = 1
# Whoever sends a second one does so at once; the same number sent twice is one while it waits.
while (came := signal.sigtimedwait(WATCHED, 0.3)) is not None:
    count += 1
print(f"{signal.Signals(first).name} {count}", flush=True)
raise SystemExit(7)
