"""`cloudhand` on terminals, and somebody who types."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time

from tests.api.cloud import KEY, Cloud

_BOUND = 30  # seconds


class Terminal:
    """A command on a terminal of its own: what it shows, and what one types."""

    def __init__(self, words: tuple[str, ...], environment: dict[str, str]) -> None:
        ours, theirs = pty.openpty()
        self._ours = ours
        self.shown = ""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cloudhand.cli.main", *words],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environment,
            start_new_session=True,
        )
        os.close(theirs)

    def until(self, text: str) -> None:
        """Read until ``text`` was shown."""
        deadline = time.monotonic() + _BOUND
        while text not in self.shown:
            assert time.monotonic() < deadline, f"{text!r} not in {self.shown!r}"
            assert self._read(), f"{text!r} not in {self.shown!r}"

    def _read(self) -> bool:
        ready, _, _ = select.select([self._ours], [], [], _BOUND)
        try:
            part = os.read(self._ours, 65536) if ready else b""
        except OSError:  # everybody on the other side has gone
            return False
        self.shown += part.decode("utf-8", "replace")
        return bool(part)

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def end(self) -> int:
        while self._read():
            pass
        return self.process.wait(_BOUND)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._ours)


class Open:
    def __init__(self, it: Cloud, home: str) -> None:
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": home,
            "TERM": "xterm",
            "CLOUDHAND_ENDPOINT": f"http://{it.endpoint}",
            "CLOUDHAND_ACCESS_KEY_ID": KEY.id,
            "CLOUDHAND_ACCESS_KEY_SECRET": KEY.secret,
        }
        self._opened: list[Terminal] = []

    def __call__(self, *words: str, **environment: str) -> Terminal:
        terminal = Terminal(words, {**self._environment, **environment})
        self._opened.append(terminal)
        return terminal

    def close(self) -> None:
        for terminal in self._opened:
            terminal.close()
