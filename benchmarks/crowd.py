"""Many simulated agents in a process of their own (`benchmarks.fleet`), seen from here."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks.plane import Plane


@dataclass(frozen=True, kw_only=True)
class Count:
    """What the agents have done since they joined."""

    acknowledged: int  # ends of tasks that the control plane has acknowledged
    requests: int  # over HTTP, heart-beats included
    kicks: int


class Crowd:
    def __init__(self, plane: Plane, process: subprocess.Popen[str]) -> None:
        self.ids: list[str] = []
        self._plane = plane
        self._process = process
        self._unchecked: list[str] = []

    def join(self, count: int) -> None:
        """Let so many more join; each is online, and has an open channel."""
        self.ids += self._ask("join", self._plane.activations(count))

    def until(self, acknowledged: int) -> Count:
        return Count(**self._ask("until", acknowledged))

    def count(self) -> Count:
        return self.until(0)

    def perform(self, targets: int) -> Count:
        """Run the script on the first ``targets`` agents, to the last acknowledgement."""
        before = self.count()
        self._unchecked += self._plane.run(self.ids[:targets])
        after = self.until(before.acknowledged + targets)
        return Count(
            acknowledged=after.acknowledged - before.acknowledged,
            requests=after.requests - before.requests,
            kicks=after.kicks - before.kicks,
        )

    def check(self) -> None:
        """That the control plane, too, holds all that was performed for a success."""
        for invoke_id in self._unchecked:
            self._plane.wait(invoke_id, gap=0.01)
        self._unchecked = []

    def _ask(self, what: str, value: object) -> Any:
        assert self._process.stdin is not None and self._process.stdout is not None
        print(json.dumps({what: value}), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the simulated agents have ended; what they said is above")
        return json.loads(line)


@contextmanager
def crowd(plane: Plane) -> Iterator[Crowd]:
    """Without agents yet."""
    words = ["-m", "benchmarks.fleet", plane.endpoint.url, plane.endpoint.ca]
    process = subprocess.Popen(
        [sys.executable, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield Crowd(plane, process)
    finally:
        process.terminate()
        process.communicate(timeout=30)
