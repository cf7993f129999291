"""What a system must be able to do here, and how its programs are called."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

from benchmarks.peers.init import ROOT
from benchmarks.peers.machine import Process, Service, children_of
from benchmarks.peers.verdict import Said

CONTROL = ROOT / "control"  # the controller's files
LIMIT = 60  # seconds that a script may take, as each system is told, if the fault says nothing
# Seconds for which a last word is waited for. Of the bounds that the systems announce the longest
# is Cloudhand's, which may take the limit and 60 s; this is half a minute more.
PATIENCE = LIMIT + 90
_SHOWN = 1500  # characters of what a program prints that the raw log keeps, at either end
_CALL_BOUND = 90.0  # seconds for a program that only asks


@dataclass(frozen=True, kw_only=True)
class Run:
    """A script that is to run on the machine, within ``limit`` seconds."""

    token: str
    script: str
    limit: int = LIMIT
    then_restart: bool = False  # the machine is to restart when it has ended


@dataclass(frozen=True, kw_only=True)
class Cannot:
    """The system has nothing that does it; where that is said."""

    source: str


class System(Protocol):
    name: str
    environment: ClassVar[dict[str, str]]  # of its programs, beside what all have
    restart_exit_code: int  # of a script after which the machine restarts; 0 if another way is used

    def settings(self) -> dict[str, str]:
        """What differs from its defaults, each with the reason."""

    def versions(self) -> dict[str, str]: ...

    def prepare(self) -> list[Service]:
        """Write configurations and keys; what the machine starts. The controller runs after it."""

    def ready(self) -> bool:
        """Whether a command would reach the machine."""

    def start_controller(self) -> None: ...

    def kill_controller(self) -> None:
        """SIGKILL to all that runs on the controller's side."""

    def begin(self, run: Run) -> str:
        """Have it run, without waiting for its end; what is needed to ask for it later."""

    def asked_for_later(self, job: str) -> bool:
        """Whether it has told by now what is needed to ask for the run from elsewhere."""

    def again(self, run: Run, job: str) -> str:
        """The same request once more, as somebody does who has heard nothing."""

    def last_word(self, job: str, patience: float) -> Said: ...

    def cancel(self, job: str) -> Cannot | None: ...

    def is_agent(self, process: Process) -> bool:
        """Whether it is a process of the agent, or session, itself."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    code: int
    out: str
    err: str


class Programs:
    """Calls of a system's programs, each of which is in the raw log."""

    def __init__(self, log: Callable[[str], None], environment: dict[str, str]) -> None:
        self.log = log
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(CONTROL / "home"),
            "LC_ALL": "C.UTF-8",
            "COLUMNS": "200",
        } | environment
        self._background: list[subprocess.Popen[bytes]] = []
        (CONTROL / "home").mkdir(parents=True, exist_ok=True)

    def ask(self, *words: str | Path, quiet: bool = False) -> Answer:
        """Call it and wait for its end; ``quiet`` keeps it out of the raw log."""
        try:
            done = subprocess.run(
                [str(word) for word in words],
                capture_output=True,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                timeout=_CALL_BOUND,
            )
            answer = Answer(code=done.returncode, out=_text(done.stdout), err=_text(done.stderr))
        except subprocess.TimeoutExpired as late:
            out, err = _text(late.stdout or b""), _text(late.stderr or b"")
            answer = Answer(code=-1, out=out, err=f"{err}(ended after {_CALL_BOUND:.0f} s)")
        if not quiet:
            self.show(words, answer)
        return answer

    def show(self, words: Sequence[str | Path], answer: Answer) -> None:
        self.log(f"$ {' '.join(_short(word) for word in words)}")
        self.log(f"exit code {answer.code}\n{_cut(answer.out)}{_cut(answer.err)}".rstrip())

    def start(self, *words: str | Path, log: Path) -> subprocess.Popen[bytes]:
        """In the background, in a process group of its own; what it prints goes to a file."""
        self.log(f"$ {' '.join(_short(word) for word in words)} &")
        with log.open("ab") as file:
            process = subprocess.Popen(
                [str(word) for word in words],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env=self._environment,
                start_new_session=True,
            )
        self._background.append(process)
        return process

    def kill_all(self) -> None:
        """What was started in the background, with all that it has started, in whatever session."""
        for process in self._background:
            for pid in descendants(process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            process.kill()
            process.wait()
        self._background.clear()


def until(condition: Callable[[], bool], bound: float, gap: float = 0.2) -> bool:
    """Whether it came true in time."""
    deadline = time.monotonic() + bound
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(gap)
    return True


def descendants(pid: int) -> list[int]:
    children = children_of()
    found, waiting = [], [pid]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def _text(said: bytes) -> str:
    return said.decode(errors="replace")


def _short(word: str | Path) -> str:
    text = str(word)
    return Path(text).name if text.startswith("/") and "/bin/" in text else repr(text)[1:-1]


def _cut(text: str) -> str:
    if len(text) <= 2 * _SHOWN:
        return text
    return f"{text[:_SHOWN]}\n[{len(text) - 2 * _SHOWN} characters more]\n{text[-_SHOWN:]}"
