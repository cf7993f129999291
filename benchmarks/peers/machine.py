"""The machine: the same for every system, with its own processes, disk and boot id."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.peers import init

DISK_SIZE = "96m"
_NAMESPACES = ("unshare", "--pid", "--mount", "--uts", "--fork", "--kill-child")
_DOWN_FOR = 1.0  # seconds from the end of one boot to the next


@dataclass(frozen=True, kw_only=True)
class Service:
    """What the machine starts when it boots, and again when it ends."""

    words: list[str]
    log: str


@dataclass(frozen=True, kw_only=True)
class Process:
    pid: int
    depth: int  # 1: the first process of the machine started it, or took it over
    words: str


class Machine:
    def __init__(self, services: list[Service], log: Callable[[str], None]) -> None:
        self._log = log
        self._init: subprocess.Popen[bytes] | None = None
        self._comes_back = True
        self._lock = threading.Lock()
        self.boots: list[str] = []
        power = init.ROOT / "power"
        power.mkdir()
        (power / "command").write_text(init.POWER_COMMAND)
        (power / "command").chmod(0o755)
        for name in ("shutdown", "reboot", "poweroff", "halt"):
            (power / name).symlink_to("command")
        (init.ROOT / "services.json").write_text(json.dumps([asdict(one) for one in services]))

    def boot(self) -> None:
        with self._lock:
            boot_id = str(uuid.uuid4())
            (init.ROOT / "boot_id").write_text(f"{boot_id}\n")
            self.boots.append(boot_id)
            self._log(f"machine: boot {boot_id}")
            log = (init.ROOT / "machine.log").open("ab")
            self._init = subprocess.Popen(
                [*_NAMESPACES, sys.executable, "-S", "-E", str(Path(init.__file__))],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            threading.Thread(target=self._watch, args=(self._init,), daemon=True).start()

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        how = process.wait()
        self._log(f"machine: down ({ {init.RESTART: 'restart', init.STOP: 'stop'}.get(how, how) })")
        if how == init.RESTART and self._comes_back:
            time.sleep(_DOWN_FOR)
            self.boot()

    def power_cut(self) -> None:
        """It is gone, at once, until `boot`."""
        with self._lock:
            assert self._init is not None
            self._log("machine: power cut")
            self._init.kill()  # takes the first process along, and so all
            self._init.wait()

    @property
    def up(self) -> bool:
        return self._init is not None and self._init.poll() is None

    def processes(self) -> list[Process]:
        """Without its first one."""
        assert self._init is not None
        children = children_of()
        found = []
        waiting = [(first, 1) for first in children.get(self._init.pid, [])]
        while waiting:
            parent, depth = waiting.pop()
            for pid in children.get(parent, []):
                waiting.append((pid, depth + 1))
                found.append(Process(pid=pid, depth=depth, words=_words(pid)))
        return found

    def left_of(self, token: str) -> tuple[str, ...]:
        """What of a script still runs: its children carry the token in their environment."""
        return tuple(
            one.words
            for one in self.processes()
            if f"PEER_RUN={token}".encode() in _environ(one.pid)
        )

    def kill(self, chosen: Callable[[Process], bool]) -> int:
        """SIGKILL to some of its processes; how many there were."""
        pids = [one.pid for one in self.processes() if chosen(one)]
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return len(pids)

    def fill_disk(self) -> None:
        with (init.DISK / "ballast").open("wb") as ballast, contextlib.suppress(OSError):
            while True:
                ballast.write(bytes(65536))
                ballast.flush()
        with (init.DISK / "crumbs").open("wb", buffering=0) as crumbs, contextlib.suppress(OSError):
            while True:
                crumbs.write(bytes(512))

    def empty_disk(self) -> None:
        (init.DISK / "ballast").unlink()
        (init.DISK / "crumbs").unlink()


def children_of() -> dict[int, list[int]]:
    """Who was started by whom, of all that runs in the namespaces of the harness."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, IndexError):  # it has ended
            parent = int(path.read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(path.parent.name))
    return children


def _words(pid: int) -> str:
    return _read(pid, "cmdline").replace(b"\0", b" ").decode(errors="replace").strip()


def _environ(pid: int) -> list[bytes]:
    return _read(pid, "environ").split(b"\0")


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:  # it has ended
        return b""
