"""A control plane as a process, which is started again whenever it has died."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cloudhand.cli.client import Client
from cloudhand.cli.endpoint import find_endpoint
from cloudhand.cli.errors import ApiError, ClientError
from tests.faults.real import drivers
from tests.system.place import Place, Plane
from tests.system.waiting import until

_TOGETHER = 1.0  # seconds in which others that wait for it to be killed may join
_DOWN = 0.5  # seconds between a death and the next start
_CALM = 4.0  # seconds without a death
_PATIENCE = 120.0  # seconds for it to answer again

_TICK = threading.Event()  # never set


class Host:
    def __init__(self, root: Path, port: int, *options: str, agent: Path | None = None) -> None:
        """``port``: of the hooks. ``agent``: what instances boot with, else the usual one."""
        root.mkdir()
        self._armed = root / "armed"
        self._points: Counter[str] = Counter()
        extra = {"CLOUDHAND_TEST_ARMED": str(self._armed), "CLOUDHAND_TEST_AGENT": str(agent)}
        program = ("-c", drivers.plane(port, packed=agent is not None))
        self.place = Place(root, program=program, extra=extra)
        for name in ("home", "tmp", "runtime"):
            (root / name).mkdir(mode=0o700)
        self.plane = Plane(self.place, *options)
        self.port = 0  # where it listens
        self._down = False
        self.outages: list[tuple[float, float]] = []  # monotonic: from, to
        # Of those that have it killed at a step about themselves, one at a time.
        self.turn = threading.Lock()
        self._closing = False
        self._lock = threading.Condition()
        self._kill_at = 0.0
        self._keeper = threading.Thread(target=self._keep, name="host", daemon=True)
        self._start()
        self._keeper.start()

    def _start(self) -> None:
        self.plane.start()
        self.port = int(find_endpoint(self.plane.state).url.rpartition(":")[2])

    def _started(self) -> bool:
        try:
            self._start()
        except AssertionError:
            assert self.plane.process is not None
            if self.plane.process.wait(10) != -signal.SIGKILL:
                raise
            return False
        return True

    def _keep(self) -> None:
        while True:
            assert self.plane.process is not None
            self.plane.process.wait()
            began = time.monotonic()
            with self._lock:
                if self._closing:
                    return
                self._down = True
                self._lock.notify_all()
            _TICK.wait(_DOWN)
            while not self._started():
                pass  # it was killed again before it was there
            with self._lock:
                self._down = False
                self.outages.append((began, time.monotonic()))

    def close(self) -> None:
        with self._lock:
            self._closing = True
        self.plane.end()
        self._keeper.join(60)
        self.place.close()

    def arm(self, point: str, *, on: bool) -> None:
        """Have it ask at a point, for as long as anybody wants that."""
        with self._lock:
            self._points[point] += 1 if on else -1
            part = self._armed.with_suffix(".part")
            part.write_text(" ".join(name for name, count in self._points.items() if count > 0))
            part.replace(self._armed)

    def kill(self) -> None:
        """Together with all others who want that now; returns when it is dead."""
        with self._lock:
            now, times = time.monotonic(), len(self.outages)
            if self._kill_at < now:
                self._kill_at = now + _TOGETHER
                threading.Timer(_TOGETHER, self._kill).start()
            assert self._lock.wait_for(lambda: self._down or len(self.outages) > times, 30)

    def _kill(self) -> None:
        with self._lock:
            if not self._down:
                assert self.plane.process is not None
                self.plane.process.kill()

    def calm(self) -> bool:
        """Whether it has been there for a while: killed again and again, it is nowhere for long."""
        with self._lock:
            last = self.outages[-1][1] if self.outages else 0.0
            return not self._down and time.monotonic() - last > _CALM

    def away(self, since: float) -> float:
        """Seconds for which it has been down since a moment."""
        with self._lock:
            return sum(max(0.0, end - max(begin, since)) for begin, end in self.outages)

    def deaths_since(self, moment: float) -> int:
        with self._lock:
            return sum(end >= moment for _, end in self.outages)

    def caller(self) -> Caller:
        return Caller(self.plane.state)


class Caller:
    """One who asks over the public API, and does not give up while it is down. For one thread."""

    def __init__(self, state: Path) -> None:
        self._client = Client(find_endpoint(state))

    def close(self) -> None:
        self._client.close()

    def call(self, action: str, **parameters: object) -> dict[str, Any]:
        """ApiError when it is refused."""

        def ask() -> dict[str, Any] | None:
            try:
                return self._client.call(action, parameters)
            except ApiError as error:
                # Its clock may be wrong, by which what we sign is too old or of the future.
                if error.status < 500 and not error.code.startswith("InvalidTimeStamp"):
                    raise
            except ClientError:
                pass
            _TICK.wait(0.1)
            return None

        return until(ask, at_most=_PATIENCE, what=f"an answer to {action}")

    def told(self, invoke_id: str) -> dict[str, Any] | None:
        """Of an invocation on one instance: its result."""
        found = self.call("DescribeInvocationResults", InvokeId=invoke_id)
        results = found["Invocation"]["InvocationResults"]["InvocationResult"]
        return dict(results[0]) if results else None


def wait_for(holds: Callable[[], object], at_most: float) -> bool:
    """Whether it came to hold in time."""
    deadline = time.monotonic() + at_most
    while not holds():
        if time.monotonic() >= deadline:
            return False
        _TICK.wait(0.02)
    return True


def pause(seconds: float) -> None:
    _TICK.wait(seconds)


def marked(mark: str) -> list[int]:
    """Processes that live and have it, as NAME=VALUE, in the environment they began with."""
    wanted, found = mark.encode(), []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/environ", "rb") as file:
                there = wanted in file.read().split(b"\0")
            if there:
                with open(f"/proc/{name}/stat", "rb") as file:
                    there = file.read().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
        except OSError:
            continue
        if there:
            found.append(int(name))
    return found
