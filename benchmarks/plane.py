"""A control plane as a process of its own, and what is asked of it."""

from __future__ import annotations

import base64
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cloudhand.cli.client import Client
from cloudhand.cli.endpoint import find_endpoint
from cloudhand.cli.follow import UNFINISHED, results

CLOUDHAND = Path(sys.executable).parent / "cloudhand"
ECHO = "echo helloworld\n"
_START_BOUND = 30.0  # seconds
_TARGETS_AT_ONCE = 100  # that RunCommand takes
_MACHINES_AT_ONCE = 1000  # that an activation lets in


class Plane:
    def __init__(self, pid: int, state: Path) -> None:
        self.pid = pid
        self.state = state
        self.endpoint = find_endpoint(state)
        self.client = Client(self.endpoint)

    def activations(self, machines: int) -> list[tuple[str, str, int]]:
        """Id, code and count of as many as it takes to let ``machines`` join."""
        found = []
        while machines > 0:
            count = min(machines, _MACHINES_AT_ONCE)
            answer = self.client.call("CreateActivation", {"InstanceCount": count})
            found.append((answer["ActivationId"], answer["ActivationCode"], count))
            machines -= count
        return found

    def run(self, ids: list[str], script: str = ECHO) -> list[str]:
        """Have a script run; the ids of the invocations."""
        return [
            self._run(ids[first : first + _TARGETS_AT_ONCE], script)
            for first in range(0, len(ids), _TARGETS_AT_ONCE)
        ]

    def _run(self, ids: list[str], script: str) -> str:
        order = {
            "Type": "RunShellScript",
            "CommandContent": base64.b64encode(script.encode()).decode(),
            "ContentEncoding": "Base64",
            "InstanceId": ids,
        }
        invoke_id: str = self.client.call("RunCommand", order)["InvokeId"]
        return invoke_id

    def wait(self, invoke_id: str, gap: float) -> None:
        """Look every ``gap`` seconds until all targets have ended; all must be Success."""
        while True:
            now = results(self.client, invoke_id)
            if all(result.status not in UNFINISHED for result in now):
                break
            time.sleep(gap)
        bad = [result for result in now if not result.good]
        if bad:
            raise RuntimeError(f"{len(bad)} targets of {invoke_id} failed: {bad[0]}")


@contextmanager
def plane(*, tls: bool = False, state: Path | None = None) -> Iterator[Plane]:
    """With a state of its own, removed at the end, or with one that is there."""
    with tempfile.TemporaryDirectory(prefix="cloudhand-bench-") as folder:
        state = state or Path(folder) / "state"
        words = ["serve", "--state", str(state), "--listen", "127.0.0.1:0", "--plain-processes"]
        words += ["--invocations-per-day", "0"]  # loops ask for more than its quota
        with (Path(folder) / "log").open("wb") as log:
            process = subprocess.Popen(
                [str(CLOUDHAND), *words, *(["--tls"] if tls else [])], stdout=log, stderr=log
            )
        try:
            _await_start(process, state, Path(folder) / "log")
            yield Plane(process.pid, state)
        finally:
            process.terminate()
            process.wait(30)


def _await_start(process: subprocess.Popen[bytes], state: Path, log: Path) -> None:
    deadline = time.monotonic() + _START_BOUND
    while not (state / "endpoint.json").exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the control plane did not start: {log.read_text()}")
        time.sleep(0.02)
