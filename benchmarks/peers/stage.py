"""One fault, one system, one machine, made anew; and the raw log of it."""

from __future__ import annotations

import shlex
import subprocess
import time
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

from benchmarks.peers import line
from benchmarks.peers.init import DISK, MARKS, ROOT
from benchmarks.peers.machine import DISK_SIZE, Machine
from benchmarks.peers.on_ansible import Ansible
from benchmarks.peers.on_cloudhand import Cloudhand
from benchmarks.peers.on_salt import Salt
from benchmarks.peers.system import CONTROL, LIMIT, Programs, Run, System, until
from benchmarks.peers.verdict import Said, Truth

SYSTEMS: dict[str, type[Cloudhand | Salt | Ansible]] = {
    "cloudhand": Cloudhand,
    "salt": Salt,
    "ansible": Ansible,
}
_READY_BOUND = 120.0  # seconds until a command would reach a machine that boots
_BEGIN_BOUND = 90.0  # seconds until a script begins that nothing hinders


class NotPlayed(Exception):
    """The harness could not make the fault: no verdict on the system."""


@dataclass(frozen=True, kw_only=True)
class Script:
    """What a fault has run: ``body`` between its first and its last act, in sh."""

    body: str
    exit_code: int = 0
    output: str = ""
    limit: int = LIMIT
    then_restart: bool = False


class Stage:
    """Lives in namespaces of its own, of which ``__main__`` takes care."""

    def __init__(self, system: str, venv: Path, lines: list[str]) -> None:
        """What happens is added to ``lines``."""
        self._began = time.monotonic()
        self._lines = lines
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(ROOT)], check=True)
        for folder in (DISK, MARKS, CONTROL):
            folder.mkdir()
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={DISK_SIZE}", "tmpfs", str(DISK)], check=True
        )
        line.heal()
        made = SYSTEMS[system]
        self.system: System = made(venv, Programs(self.log, made.environment))
        self.machine = Machine(self.system.prepare(), self.log)
        self.machine.boot()
        self.await_ready()
        self._boots_before = 1
        self.log("ready")

    def log(self, text: str) -> None:
        self._lines.append(f"[{time.monotonic() - self._began:6.1f}] {text}")

    def await_ready(self) -> None:
        if not until(self.system.ready, _READY_BOUND, 0.5):
            self.show_logs()
            raise NotPlayed(f"{self.system.name} is not ready within {_READY_BOUND:.0f} s")

    def show_logs(self) -> None:
        """What the services of both sides have written: why it went as it did."""
        for log in (ROOT / "machine.log", *DISK.glob("*.log"), *CONTROL.glob("*.log")):
            self.log(f"the end of {log}:\n{log.read_text(errors='replace')[-2500:]}")

    def run_of(self, script: Script) -> Run:
        token = f"run-{uuid4().hex[:12]}"
        code = script.exit_code
        if script.then_restart and self.system.restart_exit_code:
            code = self.system.restart_exit_code
        marks = MARKS / token
        words = f"echo began >>{marks}; {script.body}; echo ended >>{marks}; exit {code}"
        text = f"exec env PEER_RUN={token} /bin/sh -c {shlex.quote(words)}"
        then = script.then_restart
        return Run(token=token, script=text, limit=script.limit, then_restart=then)

    def begin(self, script: Script) -> tuple[Run, str]:
        run = self.run_of(script)
        return run, self.system.begin(run)

    def await_begun(self, run: Run) -> None:
        if not until(lambda: self.began(run) > 0, _BEGIN_BOUND, 0.05):
            raise NotPlayed("the script did not begin, with nothing in its way")

    def await_known(self, run: Run, job: str) -> None:
        """It runs, and whoever asked for it knows how to ask for it again."""
        self.await_begun(run)
        known = until(lambda: self.system.asked_for_later(job), 35)
        self.log("the script runs" if known else "the script runs; what names the run is not told")

    def await_ended(self, run: Run) -> None:
        if not until(lambda: self._marks(run).count("ended") > 0, run.limit, 0.05):
            raise NotPlayed("the script did not end, with nothing in its way")

    def began(self, run: Run) -> int:
        return self._marks(run).count("began")

    def _marks(self, run: Run) -> list[str]:
        path = MARKS / run.token
        return path.read_text().split() if path.exists() else []

    def truth(self, run: Run, script: Script, *, stop_asked: bool = False) -> Truth:
        marks = self._marks(run)
        there = self.machine.up
        code = script.exit_code
        if script.then_restart and self.system.restart_exit_code:
            code = self.system.restart_exit_code
        return Truth(
            began=marks.count("began"),
            ended=marks.count("ended"),
            exit_code=code,
            output=script.output,
            left=self.machine.left_of(run.token) if there else (),
            restarts=len(self.machine.boots) - self._boots_before,
            restart_asked=script.then_restart,
            stop_asked=stop_asked,
            there=there,
        )

    def close(self) -> None:
        self.system.kill_controller()


@dataclass(frozen=True, kw_only=True)
class Played:
    said: Said
    truth: Truth
    cannot: str = ""  # where it is said that the system has nothing that does it

    def shortened(self) -> Played:
        """As it can be kept in a file for people: of long outputs, the length."""
        return replace(
            self,
            said=replace(self.said, output=_short(self.said.output)),
            truth=replace(self.truth, output=_short(self.truth.output)),
        )


def _short(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:40]}... ({len(text)} characters)"
