"""A control plane that is killed, and started again where its agents know it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.plane import CLOUDHAND, Plane

_START_BOUND = 60.0  # seconds
_STEP = 0.02
_AFTER_KILL = 10.0  # seconds in which the kernel buries what was killed


class Mortal:
    """`cloudhand serve` on a state that outlives it."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.state = folder / "state"
        self._log = folder / "serve.log"
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> Plane:
        """Until it answers."""
        words = ["serve", "--state", str(self.state), "--listen", "127.0.0.1:0", *self._options]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(CLOUDHAND), *words, "--plain-processes"], stdout=log, stderr=log
            )
        deadline = time.monotonic() + _START_BOUND
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the control plane did not start; see {self._log}")
            time.sleep(_STEP)
        return Plane(self._process.pid, self.state)

    def _answers(self) -> bool:
        try:
            told = json.loads((self.state / "endpoint.json").read_text())
            with urllib.request.urlopen(f"{told['url']}/healthz", timeout=5) as answer:
                return bool(answer.status == 200)
        except (OSError, ValueError, urllib.error.URLError):
            return False

    def kill(self) -> None:
        """As a crash would."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(_AFTER_KILL)

    def end(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(_START_BOUND)
        for pid in self._supervisors():
            os.kill(pid, signal.SIGTERM)

    def _supervisors(self) -> list[int]:
        """Who keeps its instances, and outlives it."""
        words = (b"cloudhand.providers.sandbox.supervisor", str(self.state / "sandbox").encode())
        return [
            int(name)
            for name in os.listdir("/proc")
            if name.isdigit() and all(word in _words(name) for word in words)
        ]


def _words(pid: str) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return []


class Flock:
    """Simulated machines in a process of their own (`benchmarks.returning`), seen from here."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def join(
        self, activations: list[tuple[str, str, int]], *, seed: int, weather: dict[str, Any]
    ) -> list[str]:
        ids: list[str] = self._ask({"join": activations, "seed": seed, "weather": weather})
        return ids

    def told(self) -> dict[str, Any]:
        told: dict[str, Any] = self._ask({"told": None})
        return told

    def _ask(self, order: dict[str, Any]) -> Any:
        assert self._process.stdin is not None and self._process.stdout is not None
        print(json.dumps(order), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the simulated machines have ended; what they said is above")
        return json.loads(line)


@contextmanager
def flock(url: str, *marks: Path) -> Iterator[Flock]:
    """Without machines yet."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.returning", url, *map(str, marks)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Flock(process)
    finally:
        process.terminate()
        process.communicate(timeout=30)
