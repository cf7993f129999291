"""An agent as a process of its own, run from its one file, and all that it needs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cloudhand.agent_dist.build import build
from cloudhand.wire import agent as wire
from tests.agent.gateway import FakeGateway
from tests.faults.disk import MARK, Disk

_TICK = threading.Event()  # never set

# Runs the agent of the one file with a hook that kills it at a named point, and leaves a mark of
# each on a disk that a test keeps (tests/faults/disk.py); and with other pauses.
_DRIVER = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
from cloudhand import faults
wanted, marks = sys.argv[2], os.environ.get("CLOUDHAND_TEST_MARKS")
def hook(name):
    if marks:
        os.path.exists(marks + name)
    if name == wanted:
        os.kill(os.getpid(), signal.SIGKILL)
faults.hook = hook
from cloudhand.agent.main import main
exec(sys.argv[3])
sys.exit(main(sys.argv[4:]))
"""


@dataclass
class Machine:
    """What of a machine the agent sees: its state, its boot id, its way to go down."""

    root: Path
    pyz: Path
    gateway: FakeGateway
    boot_id: str = "boot-1"
    python: str = sys.executable
    process: subprocess.Popen[bytes] | None = None
    options: tuple[str, ...] = ()
    before: tuple[str, ...] = ()  # words of a program that becomes the agent
    pauses: str = ""  # Python that gives the agent's modules other ones
    environment: dict[str, str] = field(default_factory=dict)
    extra: list[str] = field(default_factory=list)  # marks of what a test started besides
    disk: Disk | None = None  # that its state is on

    @property
    def state(self) -> Path:
        return (self.root if self.disk is None else self.disk.path) / "state"

    @property
    def seen(self) -> Path:
        """The same for who is not on the machine."""
        return self.state if self.disk is None else self.disk.seen / "state"

    @property
    def _inside(self) -> tuple[str, ...]:
        return () if self.disk is None else self.disk.inside

    @property
    def power_orders(self) -> list[str]:
        path = self.root / "power"
        return path.read_text().splitlines() if path.exists() else []

    @property
    def log(self) -> str:
        return (self.root / "log").read_text()

    def agent(self, *words: str) -> subprocess.CompletedProcess[str]:
        """One command of the agent, to its end."""
        return subprocess.run(
            [*self._inside, self.python, "-S", "-E", str(self.pyz), *words],
            capture_output=True,
            text=True,
            env=self._environment(),
            timeout=30,
            check=False,
        )

    def register(self) -> None:
        done = self.agent(
            "register",
            f"--server={self.gateway.url}",
            "--activation-id=id",
            "--activation-code=code",
            f"--state={self.state}",
        )
        assert done.returncode == 0, done.stderr

    def start(self, *, die_at: str = "") -> None:
        """Start the agent; with ``die_at`` it is killed at that fault point."""
        if not (self.seen / "identity.json").exists() and "--boot" not in self.options:
            self.register()
        self.start_only(die_at=die_at)
        if not die_at:
            self.gateway.online()

    def start_only(self, *, die_at: str = "") -> None:
        words = ["run", f"--state={self.state}", f"--power-command={self._recorder()}"]
        hooked = die_at or self.disk is not None or self.pauses
        driven = ["-c", _DRIVER, str(self.pyz), die_at, self.pauses]
        python = [*self._inside, *self.before, self.python, "-S", "-E"]
        start = [*python, *(driven if hooked else [str(self.pyz)])]
        self.gateway.fetches.clear()
        with (self.root / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*start, *words, *self.options],
                stderr=log,
                stdout=log,
                env=self._environment(),
            )

    def kill(self) -> None:
        """As a crash would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    def stop(self) -> int:
        """As a service manager would; the exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(15)

    def died(self) -> None:
        """Until the agent has met its fault point."""
        assert self.process is not None
        assert self.process.wait(15) == -signal.SIGKILL

    @property
    def threads(self) -> int:
        assert self.process is not None
        return len(os.listdir(f"/proc/{self.process.pid}/task"))

    def holder_of(self, task_id: str) -> int:
        """The holder of a script that runs."""
        started = [line for line in self._journalled(task_id) if line["what"] == "started"]
        pid: int = started[-1]["pid"]
        return pid

    def _journalled(self, task_id: str) -> list[dict[str, Any]]:
        lines = map(json.loads, (self.seen / "journal").read_text().splitlines())
        return [line for line in lines if line["task"] == task_id]

    def processes(self) -> list[int]:
        """Everything that was started below this machine's agents and still lives."""
        marks = [f"CLOUDHAND_TEST={self.root}".encode(), *(m.encode() for m in self.extra)]
        return [pid for pid in _pids() if _marked(pid, marks)]

    def _recorder(self) -> Path:
        path = self.root / "recorder"
        if not path.exists():
            path.write_text(f'#!/bin/sh\necho "$@" >> {self.root}/power\n')
            path.chmod(0o755)
        return path

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "CLOUDHAND_BOOT_ID": self.boot_id,
            "CLOUDHAND_TEST": str(self.root),
            **({} if self.disk is None else {"CLOUDHAND_TEST_MARKS": f"{self.disk.path}/{MARK}"}),
            **self.environment,
        }


@pytest.fixture(scope="session")
def pyz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("agent") / "cloudhand-agent.pyz"
    build(target)
    return target


@pytest.fixture
def gateway() -> Iterator[FakeGateway]:
    with FakeGateway() as gateway:
        yield gateway


@pytest.fixture
def machine(pyz: Path, gateway: FakeGateway) -> Iterator[Machine]:
    # Not tmp_path: scripts of other users must be able to pass through.
    with tempfile.TemporaryDirectory(prefix="cloudhand-agent-") as folder:
        root = Path(folder)
        root.chmod(0o755)
        machine = Machine(root=root, pyz=pyz, gateway=gateway)
        try:
            yield machine
        finally:
            if machine.process is not None and machine.process.poll() is None:
                machine.kill()
            for pid in machine.processes():
                os.kill(pid, signal.SIGKILL)
            wait_until(lambda: not machine.processes())


def wait_until(holds: Callable[[], object], *, at_most: float = 10.0) -> None:
    """For what no event tells: files that scripts write, and processes that end."""
    deadline = time.monotonic() + at_most
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        _TICK.wait(0.01)


def task(task_id: str, script: str, **changes: object) -> wire.Task:
    values: dict[str, object] = {
        "task_id": task_id,
        "type": "RunShellScript",
        "content": script.encode(),
        "timeout": 60,
        "working_directory": "/tmp",
        "interval": 1000,
        **changes,
    }
    return wire.Task(**values)  # type: ignore[arg-type]


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _marked(pid: int, marks: list[bytes]) -> bool:
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
        ended = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return False
    return not ended and any(mark in environment.split(b"\0") for mark in marks)
