"""`cloudhand` that runs beside a test, and is waited for by what it says."""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
import time
from pathlib import Path

from tests.api.cloud import KEY, Cloud

_BOUND = 30  # seconds


class Started:
    """One command."""

    def __init__(self, words: tuple[str, ...], environment: dict[str, str], folder: Path) -> None:
        self.said = ""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cloudhand.cli.main", *words],
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def until(self, pattern: str) -> re.Match[str]:
        """Read until this was said aside."""
        assert self.process.stderr is not None
        deadline = time.monotonic() + _BOUND
        while not (found := re.search(pattern, self.said)):
            ready, _, _ = select.select([self.process.stderr], [], [], _BOUND)
            part = os.read(self.process.stderr.fileno(), 65536).decode() if ready else ""
            assert part, f"{pattern!r} is not in {self.said!r}"
            assert time.monotonic() < deadline
            self.said += part
        return found

    def end(self) -> tuple[int, str]:
        """Its exit code and what it printed."""
        out, err = self.process.communicate(timeout=_BOUND)
        self.said += err
        return self.process.returncode, out

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


class Start:
    def __init__(self, it: Cloud, folder: Path) -> None:
        self._folder = folder
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "CLOUDHAND_ENDPOINT": f"http://{it.endpoint}",
            "CLOUDHAND_ACCESS_KEY_ID": KEY.id,
            "CLOUDHAND_ACCESS_KEY_SECRET": KEY.secret,
        }
        self._started: list[Started] = []

    def __call__(self, *words: str) -> Started:
        started = Started(words, self._environment, self._folder)
        self._started.append(started)
        return started

    def close(self) -> None:
        for started in self._started:
            started.close()
