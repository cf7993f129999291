"""Threads for tasks. One that has done its work waits a while for more, since to start another
costs as much as a short script; an idle agent has none.
"""

from __future__ import annotations

import threading
import time
from typing import Any, Callable, List, Optional, Tuple

from cloudhand.agent import log

_IDLE = 5.0  # seconds without work after which a thread ends

Work = Tuple[Callable[..., object], Tuple[Any, ...]]


class _Worker:
    def __init__(self, work: Work) -> None:
        self.work: Optional[Work] = work
        # A lock that nobody holds for long: whoever releases it wakes the worker.
        self.woken = threading.Lock()
        self.woken.acquire()


class Workers:
    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards what follows
        self._idle: List[_Worker] = []
        self._threads: List[threading.Thread] = []
        self._waiting: List[Work] = []  # for which the machine had no thread
        self._closing = False

    def do(self, target: Callable[..., object], *arguments: Any) -> None:
        """Have a thread call it, beside whatever others do."""
        with self._lock:
            self._begin((target, arguments))

    def catch_up(self) -> None:
        """Try again what had to wait."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
            for work in waiting:
                self._begin(work)

    def _begin(self, work: Work) -> None:
        if self._idle:
            worker = self._idle.pop()
            worker.work = work
            worker.woken.release()
            return
        thread = threading.Thread(target=self._run, args=(_Worker(work),), name="task", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # as many run as the machine allows
            log.error(f"a task has to wait: {error}")
            self._waiting.append(work)
            return
        self._threads = [t for t in self._threads if t.is_alive()] + [thread]

    def close(self, *, at_most: float) -> bool:
        """Wait so many seconds for what is being done; whether all of it was."""
        with self._lock:
            self._closing = True
            for worker in self._idle:
                worker.woken.release()
            threads = list(self._threads)
        deadline = time.monotonic() + at_most
        for thread in threads:
            thread.join(max(deadline - time.monotonic(), 0))
        return not any(thread.is_alive() for thread in threads)

    def _run(self, worker: _Worker) -> None:
        while worker.work is not None:
            target, arguments = worker.work
            target(*arguments)
            worker.work = None
            with self._lock:
                if self._closing:
                    return
                if self._waiting:
                    worker.work = self._waiting.pop(0)
                    continue
                self._idle.append(worker)
            if not worker.woken.acquire(timeout=_IDLE):
                with self._lock:
                    if worker in self._idle:  # else there is work, given just now
                        self._idle.remove(worker)
                        return
                worker.woken.acquire()
