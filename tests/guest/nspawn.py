"""A guest in a container, which only root can start; it shares the network of this machine.

What restarts or stops it is its own doing, and is seen here as the end of its container, which then
is started again as a machine would be. Nothing is ever asked of the systemd of this machine: each
command goes into the process namespace of the guest, or nowhere.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.guest import debian
from tests.system import processes
from tests.system.waiting import until

# And the packages that have them.
_TOOLS = {
    "debootstrap": "debootstrap",
    "systemd-nspawn": "systemd-container",
    "nsenter": "util-linux",
    "unshare": "util-linux",
}
_BOOT_BOUND = 60.0  # seconds


def missing() -> str:
    """Why there can be no such guest here; empty if there can."""
    if os.geteuid() != 0:
        return "only root can start a container"
    if absent := debian.absent(_TOOLS):
        return absent
    # Root of a container may have no right to make another.
    words = ["unshare", "--mount", "--pid", "--fork", "true"]
    tried = subprocess.run(words, capture_output=True, check=False)
    return tried.stderr.decode().strip()


def image() -> Path:
    """The files of a fresh guest, made once for this machine."""
    whole = debian.CACHE / debian.RELEASE
    if not whole.exists():
        part = debian.CACHE / f"{debian.RELEASE}.part"
        shutil.rmtree(part, ignore_errors=True)
        part.parent.mkdir(parents=True, exist_ok=True)
        words = ["debootstrap", "--variant=minbase", f"--include={','.join(debian.PACKAGES)}"]
        words += [debian.RELEASE, str(part)]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
        part.rename(whole)
    return whole


class Container:
    def __init__(self, root: Path, log: Path, *, binds: Sequence[Path] = ()) -> None:
        self.root = root
        self._binds = binds
        self._log = log
        self._container: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        subprocess.run(["cp", "--archive", str(image()), str(self.root)], check=True)
        # Two machines with one of these would be taken for the same.
        (self.root / "etc/machine-id").write_text("")
        self.power_on()

    def end(self) -> None:
        if self._container is not None and self._container.poll() is None:
            with contextlib.suppress(AssertionError):
                self.run("systemctl poweroff")
            try:
                self._container.wait(30)
            except subprocess.TimeoutExpired:
                os.kill(self._container.pid, signal.SIGKILL)
                self._container.wait()

    def power_on(self) -> None:
        words = ["systemd-nspawn", "--directory", str(self.root), "--boot", "--register=no"]
        words += ["--keep-unit", f"--machine=g{os.getpid()}", "--console=passive"]
        words += [f"--bind-ro={path}" for path in self._binds]
        with self._log.open("ab") as log:
            self._container = subprocess.Popen(
                words,
                env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "0"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        until(self._is_up, at_most=_BOOT_BOUND, what="the guest's having started")

    def wait_for_restart(self) -> None:
        """Until it has gone down by itself; then it is started as a machine would start itself."""
        assert self._container is not None
        self._container.wait(60)
        self.power_on()

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        pid = self._init()
        assert pid, "the guest is down"
        words = ["nsenter", "--target", str(pid), "--all", "sh", "-c", script]
        return subprocess.run(
            words, capture_output=True, text=True, timeout=120, check=False, env=debian.ENVIRONMENT
        )

    def files(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for path in self.root.rglob("*"):
            name = str(path.relative_to(self.root))
            if name.startswith(debian.OWN):
                continue
            kept = path.is_file() and not path.is_symlink()
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest() if kept else ""
        return found

    def _init(self) -> int:
        """Its first process; never one of this machine's own namespace."""
        if self._container is None or self._container.poll() is not None:
            return 0
        for pid in processes.below(self._container.pid):
            with contextlib.suppress(OSError):
                inside = os.readlink(f"/proc/{pid}/ns/pid")
                first = Path(f"/proc/{pid}/status").read_text().rpartition("NSpid:")[2].split()
                if inside != os.readlink("/proc/self/ns/pid") and "1" in first[:3]:
                    return pid
        return 0

    def _is_up(self) -> bool:
        pid = self._init()
        return bool(pid) and self.run("systemctl is-system-running").stdout.strip() in (
            "running",
            "degraded",
        )
