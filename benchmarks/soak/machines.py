"""Real agents, each on what it takes for a machine of its own: a state, a boot id, a power switch.

The switch only writes down what was ordered. Whoever watches it ends the agent and everything that
was started below it, and starts the agent again in a new boot: a restart, as far as an agent and
its scripts can see, and nothing that this machine would notice.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random

from benchmarks.costs import descriptors, pss
from cloudhand.agent_dist.build import ensure

_AT_ONCE = 2  # that join
_GONE_WITHIN = 10.0  # seconds
_MARK = "CLOUDHAND_SOAK"  # in the environment of all that belongs to a machine: its folder


@dataclass(frozen=True, kw_only=True)
class Weather:
    """Rates for each machine, times an hour."""

    crashes: float  # of the agent alone: it is killed, and started again in the same boot
    failures: float  # of the power


class Machine:
    def __init__(self, folder: Path, marks: Path) -> None:
        self.folder = folder
        self.instance_id = ""
        self.starts_at: float | None = None  # while it is down
        self._boot_id = str(uuid.uuid4())
        self._marks = marks
        self._agent = [sys.executable, "-S", "-E", str(ensure())]
        self._process: subprocess.Popen[bytes] | None = None
        self._orders = 0  # of the power switch that were seen

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def join(self, url: str, activation: str, code: str) -> None:
        self.folder.mkdir()
        words = [f"--server={url}", f"--activation-id={activation}", f"--activation-code={code}"]
        words += [f"--name={self.folder.name}", f"--state={self.folder / 'state'}"]
        words.append(f"--machine-id={uuid.uuid4().hex}")
        told = subprocess.run(
            [*self._agent, "register", *words], check=True, capture_output=True, text=True
        )
        self.instance_id = told.stdout.split()[-1]
        self._switch.write_text(
            "#!/bin/sh\n"
            "case $1 in -h) what=stop;; *) what=restart;; esac\n"
            f'echo "order - {self.instance_id} $CLOUDHAND_BOOT_ID $what $(date +%s%3N)"'
            f" >> {self._marks / self.instance_id}\n"
            f"echo $what >> {self.folder / 'orders'}\n"
        )
        self._switch.chmod(0o755)

    @property
    def _switch(self) -> Path:
        return self.folder / "switch"

    def start(self) -> None:
        """The agent, in the boot that it is."""
        words = ["run", f"--state={self.folder / 'state'}", f"--power-command={self._switch}"]
        environment = {
            "PATH": os.environ["PATH"],
            "CLOUDHAND_BOOT_ID": self._boot_id,
            _MARK: str(self.folder),
        }
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._agent, *words], stdout=log, stderr=log, env=environment
            )
        self.starts_at = None

    def ordered(self) -> str:
        """What the power switch was told since the last look; empty: nothing."""
        try:
            orders = (self.folder / "orders").read_text().split()
        except FileNotFoundError:
            return ""
        new, self._orders = orders[self._orders :], len(orders)
        return new[-1] if new else ""

    def crash(self) -> None:
        """The agent alone."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(_GONE_WITHIN)
        self._note("crash")

    def go_down(self) -> None:
        """With all that runs on it; the next start is another boot."""
        deadline = time.monotonic() + _GONE_WITHIN
        while found := self._processes():
            if time.monotonic() > deadline:
                raise RuntimeError(f"{found} of {self.folder} cannot be ended")
            # All at one moment: a script must not run on because its child has ended.
            for number in (signal.SIGSTOP, signal.SIGKILL):
                for pid in found:
                    _signal(pid, number)
            if self._process is not None:
                self._process.poll()
            time.sleep(0.01)
        self._note("down")
        self._boot_id = str(uuid.uuid4())
        self._orders = self._counted()

    def _counted(self) -> int:
        """Orders so far: what was ordered twice in one boot is done by one end of it."""
        try:
            return len((self.folder / "orders").read_text().split())
        except FileNotFoundError:
            return 0

    def _note(self, what: str) -> None:
        words = f"{what} - {self.instance_id} {self._boot_id} - {int(time.time() * 1000)}\n"
        with (self._marks / self.instance_id).open("a") as file:
            file.write(words)

    def _processes(self) -> list[int]:
        wanted = f"{_MARK}={self.folder}".encode()
        return [int(name) for name in os.listdir("/proc") if _marked(name, wanted)]


def _marked(name: str, mark: bytes) -> bool:
    if not name.isdigit():
        return False
    try:
        return mark in Path(f"/proc/{name}/environ").read_bytes().split(b"\0")
    except OSError:
        return False


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


class Fleet:
    """All of them. Not for several threads."""

    def __init__(self, folder: Path, marks: Path, random: Random, weather: Weather) -> None:
        self.machines: list[Machine] = []
        self.crashes = self.failures = self.restarts = 0
        self.fell: list[str] = []  # agents that ended by themselves, which they must not
        self._folder = folder
        self._marks = marks
        self._random = random
        self._weather = weather
        self._looked_at = time.monotonic()

    def join(self, url: str, activations: Sequence[tuple[str, str, int]]) -> None:
        wanted = [(id_, code) for id_, code, count in activations for _ in range(count)]
        for number in range(len(wanted)):
            self.machines.append(Machine(self._folder / f"m{number}", self._marks))

        def one(machine: Machine, activation: str, code: str) -> None:
            machine.join(url, activation, code)
            machine.start()

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            jobs = [
                pool.submit(one, machine, *how)
                for machine, how in zip(self.machines, wanted, strict=True)
            ]
            for job in jobs:
                job.result()

    def look(self, *, calm: bool) -> None:
        """Do what was ordered, start what is due, and, unless it is calm, break something."""
        now = time.monotonic()
        hours, self._looked_at = (now - self._looked_at) / 3600, now
        for machine in self.machines:
            if machine.starts_at is not None:
                if now >= machine.starts_at:
                    machine.start()
                continue
            what = machine.ordered()
            if what:
                self.restarts += 1
                machine.go_down()
                machine.starts_at = now + self._random.uniform(0.1, 8.0 if what == "stop" else 2.0)
            elif not machine.runs:
                self.fell.append(machine.instance_id)
                machine.starts_at = now
            elif not calm and self._random.random() < self._weather.crashes * hours:
                self.crashes += 1
                machine.crash()
                machine.starts_at = now + self._random.uniform(0.1, 2.0)
            elif not calm and self._random.random() < self._weather.failures * hours:
                self.failures += 1
                machine.go_down()
                machine.starts_at = now + self._random.uniform(0.1, 2.0)

    def sizes(self) -> list[tuple[int, int]]:
        """Bytes of PSS and descriptors of each agent that runs."""
        found = []
        for machine in self.machines:
            if machine.runs and machine.starts_at is None:
                try:
                    found.append((pss(machine.pid), descriptors(machine.pid)))
                except (OSError, AssertionError):
                    continue  # it has ended meanwhile
        return found

    def end(self) -> None:
        for machine in self.machines:
            machine.go_down()
