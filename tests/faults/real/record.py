"""What is kept of runs: a line each, the count, and what is looked at again when all are over."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.faults.checker import TWICE, Finding, Run, Sent
from tests.faults.real.play import Play
from tests.faults.tally import Tally

_EVERY = 50  # runs, how it goes is said


class Record:
    """For any thread."""

    def __init__(self, root: Path, tally: Tally, say: Callable[[str], None]) -> None:
        self.say = say
        self._path = root / "runs.jsonl"
        self._tally = tally
        self._done: list[tuple[Play, Run]] = []
        self._lock = threading.Lock()

    def add(self, play: Play, run: Run | Sent, took: float) -> None:
        """``took``: seconds."""
        cell = play.cell
        told = {name: _short(value) for name, value in asdict(run).items()}
        told |= {"cell": cell.key, "hit": play.hit, "took": round(took, 2)}
        with self._lock:
            found = self._tally.add(run, cell.point, cell.fault, play.hit)
            if isinstance(run, Run):
                self._done.append((play, run))
            with self._path.open("a") as file:
                file.write(json.dumps(told) + "\n")
            for finding in found:
                self.say(f"{finding} ({cell.key}, seed {cell.seed}); logs: {play.seat.root}")
            if self._tally.runs % _EVERY == 0:
                self.say(f"{self._tally.runs} runs, {self._tally.hits} hit their point")

    def look_again(self) -> None:
        """Nothing that was over may have begun again since."""
        for play, run in self._done:
            if len(play.written()) > len(run.lines):
                why = f"it went on after it was over: {list(play.written())}"
                finding = Finding(kind=TWICE, why=why, run=run.name)
                self._tally.findings.append((finding, play.cell.key))


def _short(value: Any) -> Any:
    """As much of it as helps who looks for a cause."""
    if isinstance(value, bytes):
        return len(value)
    if isinstance(value, dict):
        return {name: str(one)[:200] for name, one in value.items()}
    return value
