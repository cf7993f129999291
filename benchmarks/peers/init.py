"""The first process of the machine: starts its services, restarts them, and ends when told to.

    python init.py

It is alone with the standard library, and runs in PID, mount and UTS namespaces of its own: what
it ends, ends with it, and nothing else does. The machine goes down when a power command of the
machine, which is a script of ours, has written `restart` or `stop` into POWER. No signal and no
call of the kernel that could reach another machine is involved.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path("/srv")  # of the harness: a file system that only its namespaces have
DISK = ROOT / "disk"  # the machine's, which outlives its restarts
MARKS = ROOT / "marks"  # what scripts write down; never full
POWER = Path("/run/machine/power")
RESTART, STOP = 10, 11  # how this process ends
POWER_COMMAND = r"""#!/bin/sh
# All power commands of the machine. What it is called as, and with, says which.
[ -d /run/machine ] || exit 1
case "${0##*/} $*" in
    shutdown*-r* | reboot* | systemctl*reboot*) what=restart ;;
    shutdown* | poweroff* | halt* | systemctl*poweroff* | systemctl*halt*) what=stop ;;
    *) exit 1 ;;
esac
echo "$what" >/run/machine/asked && mv /run/machine/asked /run/machine/power
"""
_COMMANDS = ("shutdown", "reboot", "poweroff", "halt", "systemctl")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SERVICE_PAUSE = 1.0  # seconds before an ended service is started again, as systemd is told to
_BEFORE = 1.0  # seconds from the order to the first SIGTERM, as a service manager takes
_MANNERS = 2.0  # seconds from SIGTERM to the end of a machine that goes down


def main() -> int:
    if os.getpid() != 1:
        print("this is the first process of a machine, and nothing else", file=sys.stderr)
        return 2
    _furnish()
    services = [_Service(**one) for one in json.loads((ROOT / "services.json").read_text())]
    while not POWER.exists():
        for service in services:
            service.keep()
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, _ = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    break
                for service in services:
                    service.ended(pid)
        time.sleep(0.05)
    how = POWER.read_text().strip()
    _go_down()
    return RESTART if how == "restart" else STOP


def _furnish() -> None:
    """Processes, boot id and power commands of its own."""
    _mount("--make-rprivate", "/")
    _mount("-t", "proc", "proc", "/proc")
    _mount("-t", "tmpfs", "tmpfs", "/run")
    for folder in ("/run/machine", "/run/sshd", str(DISK / "tmp")):
        Path(folder).mkdir(parents=True, exist_ok=True)
    (DISK / "tmp").chmod(0o1777)
    _mount("--bind", str(ROOT / "boot_id"), "/proc/sys/kernel/random/boot_id")
    for name in _COMMANDS:
        for there in {Path("/usr/sbin") / name, Path("/usr/bin") / name}:
            if there.exists():  # through a link it covers what that leads to
                _mount("--bind", str(ROOT / "power" / "command"), str(there.resolve()))
    _mount("--bind", str(ROOT / "power"), "/usr/local/sbin")
    subprocess.run(["hostname", "machine"], check=True)


def _mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True)


def _go_down() -> None:
    """All processes get SIGTERM and a moment; what remains ends with this one."""
    time.sleep(_BEFORE)
    os.kill(-1, signal.SIGTERM)  # from the first process: all of this PID namespace, and no other
    until = time.monotonic() + _MANNERS
    with contextlib.suppress(ChildProcessError):
        while time.monotonic() < until:
            os.waitpid(-1, os.WNOHANG)
            time.sleep(0.05)


class _Service:
    def __init__(self, words: list[str], log: str) -> None:
        self._words = words
        self._log = log
        self._pid: int | None = None
        self._due = 0.0

    def keep(self) -> None:
        if self._pid is not None or time.monotonic() < self._due:
            return
        with Path(self._log).open("ab") as log:
            self._pid = subprocess.Popen(
                self._words,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={"PATH": _PATH, "HOME": "/root", "TMPDIR": f"{DISK}/tmp"},
            ).pid

    def ended(self, pid: int) -> None:
        if pid == self._pid:
            self._pid = None
            self._due = time.monotonic() + _SERVICE_PAUSE


if __name__ == "__main__":
    sys.exit(main())
