"""Real agents from their one file, as an instance runs them."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.plane import Plane
from cloudhand.agent_dist.build import ensure

_ONLINE_BOUND = 30.0  # seconds
_NO_POWER = "/bin/false"  # whatever asks for it, this machine stays up


@dataclass(frozen=True, kw_only=True)
class RealAgent:
    instance_id: str
    pid: int
    state: Path


@contextmanager
def real_agents(plane: Plane, count: int) -> Iterator[list[RealAgent]]:
    """Joined, online, and idle."""
    agents = _Agents(plane)
    try:
        for _ in range(count):
            agents.start()
        agents.await_online()
        yield agents.running
    finally:
        agents.stop()


class _Agents:
    def __init__(self, plane: Plane) -> None:
        self.running: list[RealAgent] = []
        self._plane = plane
        self._processes: list[subprocess.Popen[bytes]] = []
        self._agent = [sys.executable, "-S", "-E", str(ensure())]

    def start(self) -> None:
        name = f"agent-{time.monotonic_ns()}"
        state = self._plane.state.parent / name
        [(activation, code, _)] = self._plane.activations(1)
        words = [f"--server={self._plane.endpoint.url}", f"--activation-id={activation}"]
        words += [f"--activation-code={code}", f"--name={name}", f"--state={state}"]
        if self._plane.endpoint.ca:
            words.append(f"--ca={self._plane.endpoint.ca}")
        said = subprocess.run(
            [*self._agent, "register", *words], check=True, capture_output=True, text=True
        )
        instance_id = said.stdout.split()[-1]
        with (self._plane.state.parent / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                [*self._agent, "run", f"--state={state}", f"--power-command={_NO_POWER}"],
                stdout=log,
                stderr=log,
            )
        self._processes.append(process)
        self.running.append(RealAgent(instance_id=instance_id, pid=process.pid, state=state))

    def await_online(self) -> None:
        deadline = time.monotonic() + _ONLINE_BOUND
        for agent in self.running:
            log = self._plane.state.parent / f"{agent.state.name}.log"
            while "channel: open" not in log.read_text():
                if time.monotonic() > deadline:
                    raise RuntimeError(f"an agent did not come online: {log.read_text()}")
                time.sleep(0.02)

    def stop(self) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.wait(30)
