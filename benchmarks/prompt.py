"""What somebody at the prompt waits for, against the same by ssh."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from benchmarks.figure import Figure, NotMeasured, Outcome, middle
from benchmarks.machines import real_agents
from benchmarks.plane import CLOUDHAND, plane

_NAME = "cloudhand run -- true, p50 / ssh localhost true, p50"
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
_START_BOUND = 10.0  # seconds


class _NoDaemon(Exception):
    """What an ssh daemon that does not start says."""


def measure(*, quick: bool) -> list[Outcome]:
    sshd, ssh = shutil.which("sshd", path=_PATH), shutil.which("ssh", path=_PATH)
    if not sshd or not ssh:
        return [NotMeasured(name=_NAME, reason=f"no {'ssh' if sshd else 'sshd'} on this machine")]
    try:
        return [_compared(sshd, ssh, times=3 if quick else 30)]
    except _NoDaemon as error:
        return [NotMeasured(name=_NAME, reason=f"sshd does not start here: {error}")]


def _compared(sshd: str, ssh: str, *, times: int) -> Figure:
    ours: list[float] = []
    theirs: list[float] = []
    with plane() as control, real_agents(control, 1) as [agent], _daemon(sshd, ssh) as remote:
        words = ["run", "--state", str(control.state), "--on", agent.instance_id, "--", "true"]
        for _ in range(times):
            ours.append(_timed([str(CLOUDHAND), *words]))
            theirs.append(_timed([*remote, "true"]))
    return Figure(
        name=_NAME,
        value=median(ours) / median(theirs),
        unit="ratio",
        target=1.5,
        raw=f"{middle(ours)} / {middle(theirs)}",
    )


def _timed(words: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(words, check=True, capture_output=True)
    return time.perf_counter() - began


@contextmanager
def _daemon(sshd: str, ssh: str) -> Iterator[list[str]]:
    """An ssh daemon of our own on a loopback port; how to reach it."""
    with tempfile.TemporaryDirectory(prefix="cloudhand-bench-ssh-") as name:
        folder = Path(name)
        for key in ("host", "user"):
            words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key)]
            subprocess.run(words, check=True)
        shutil.copy(folder / "user.pub", folder / "authorized")
        port = _free_port()
        with (folder / "log").open("wb") as log:
            words = [sshd, "-D", "-e", "-f", str(_config(folder, port))]
            process = subprocess.Popen(words, stderr=log)
        try:
            if not _answers(process, port):
                raise _NoDaemon((folder / "log").read_text().strip() or "no answer")
            yield _reach(ssh, folder, port)
        finally:
            process.terminate()
            process.wait(10)


def _config(folder: Path, port: int) -> Path:
    path = folder / "config"
    path.write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {folder / 'host'}\nPidFile none\n"
        f"AuthorizedKeysFile {folder / 'authorized'}\nStrictModes no\nUsePAM no\n"
        "PermitRootLogin yes\nPasswordAuthentication no\nLogLevel ERROR\n"
    )
    return path


def _reach(ssh: str, folder: Path, port: int) -> list[str]:
    options = ["-F", "none", "-i", str(folder / "user"), "-p", str(port), "-o", "BatchMode=yes"]
    options += ["-o", "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={folder / 'known'}"]
    options += ["-o", "ControlPath=none", "-o", "LogLevel=ERROR"]
    return [ssh, *options, f"{getpass.getuser()}@127.0.0.1"]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    deadline = time.monotonic() + _START_BOUND
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return True
    return False
