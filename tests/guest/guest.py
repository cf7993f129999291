"""A machine with its own systemd: a container of Debian, which shares the network of this one.

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
from typing import Self

from tests.system import processes
from tests.system.waiting import until

_TOOLS = ("debootstrap", "systemd-nspawn", "nsenter")
_PACKAGES = "systemd,systemd-sysv,dbus,python3,ca-certificates,curl"
_RELEASE = "bookworm"
_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cloudhand-guest"
_BOOT_BOUND = 60.0  # seconds
# As sudo gives it; nothing of whoever runs the tests.
_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
}
# What a system writes by itself.
_OWN = ("var/log", "var/lib/systemd", "var/cache", "var/tmp", "tmp", "run", "proc", "sys", "dev",
        "etc/machine-id", "etc/resolv.conf", "etc/.updated", "var/.updated")  # fmt: skip


def missing() -> str:
    """Why there can be no guest here; empty if there can."""
    if os.geteuid() != 0:
        return "only root can start a machine with its own systemd"
    absent = [tool for tool in _TOOLS if shutil.which(tool) is None]
    return f"there is no {', '.join(absent)}" if absent else ""


def image() -> Path:
    """The files of a fresh guest, made once for this machine."""
    whole = _CACHE / _RELEASE
    if not whole.exists():
        part = _CACHE / f"{_RELEASE}.part"
        shutil.rmtree(part, ignore_errors=True)
        part.parent.mkdir(parents=True, exist_ok=True)
        words = ["debootstrap", "--variant=minbase", f"--include={_PACKAGES}", _RELEASE, str(part)]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
        part.rename(whole)
    return whole


class Guest:
    """Use it in a with statement."""

    def __init__(self, root: Path, log: Path, *, binds: Sequence[Path] = ()) -> None:
        """``binds``: folders of this machine that it sees, and cannot change."""
        self.root = root
        self._binds = binds
        self._log = log
        self._container: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        subprocess.run(["cp", "--archive", str(image()), str(self.root)], check=True)
        # Two machines with one of these would be taken for the same.
        (self.root / "etc/machine-id").write_text("")
        self.power_on()
        return self

    def __exit__(self, *_: object) -> None:
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
        """A shell script, inside."""
        pid = self._init()
        assert pid, "the guest is down"
        words = ["nsenter", "--target", str(pid), "--all", "sh", "-c", script]
        return subprocess.run(
            words, capture_output=True, text=True, timeout=120, check=False, env=_ENVIRONMENT
        )

    def files(self) -> dict[str, str]:
        """What there is, with a digest of each file, but for what a system writes by itself."""
        found: dict[str, str] = {}
        for path in self.root.rglob("*"):
            name = str(path.relative_to(self.root))
            if name.startswith(_OWN):
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
