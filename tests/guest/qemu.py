"""A guest in a virtual machine, which an ordinary user can start: emulated, without KVM.

What restarts or stops it reaches no further than the process of QEMU. It asks nothing of this
machine but what any process may; its disk is a layer of its own above one that guests share.
"""

from __future__ import annotations

import base64
import json
import os
import platform
import shlex
import signal
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.guest import debian, disk
from tests.guest.inside import Inside, Refused
from tests.system.waiting import until

_QEMU = "qemu-system-x86_64"
# And the packages that have them.
_TOOLS = {
    _QEMU: "qemu-system-x86",
    "qemu-img": "qemu-utils",
    "mmdebstrap": "mmdebstrap",
    "newuidmap": "uidmap",
    "fakeroot": "fakeroot",
    "mke2fs": "e2fsprogs",
    "setpriv": "util-linux",
    "unshare": "util-linux",
}
_BOOT_BOUND = 400.0  # seconds; an emulated one takes a minute where nothing else runs
_RUN_BOUND = 400.0
_ANSWER_BOUND = 5.0
_KERNEL = (
    "root=/dev/vda rw console=ttyS0 loglevel=4 systemd.show_status=no panic=-1"
    # What would take a third of a start.
    " mitigations=off cryptomgr.notests"
)
# Of a file that has not changed since a moment, the digest is left to whoever knew it then.
_TREE = """
import hashlib, json, os, stat, sys
since, device, found = float(sys.argv[1]), os.lstat("/").st_dev, {}
for folder, folders, files in os.walk("/"):
    for name in folders + files:
        path = os.path.join(folder, name)
        told = os.lstat(path)
        if told.st_dev != device or path[1:].startswith(tuple(sys.argv[2:])):
            if name in folders:
                folders.remove(name)
        elif not stat.S_ISREG(told.st_mode):
            found[path[1:]] = ""
        elif told.st_ctime <= since:
            found[path[1:]] = None
        else:
            with open(path, "rb") as file:
                found[path[1:]] = hashlib.sha256(file.read()).hexdigest()
print(json.dumps(found))
"""


def missing() -> str:
    """Why there can be no such guest here; empty if there can."""
    if platform.machine() != "x86_64":
        return "its disk is made for x86_64 only"
    if absent := debian.absent(_TOOLS):
        return absent
    if os.geteuid() == 0:
        return ""
    # What makes its disk: a user who has ids below their own, and may use them.
    words = ["unshare", "--user", "--map-auto", "--map-root-user", "true"]
    tried = subprocess.run(words, capture_output=True, check=False)
    return tried.stderr.decode().strip()


class Computer:
    def __init__(self, folder: Path, log: Path, *, binds: Sequence[Path] = ()) -> None:
        self._origin = disk.start()
        self._folder = folder
        self._binds = binds
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._inside: Inside | None = None
        self._boot_id = ""

    def start(self) -> None:
        self._folder.mkdir()
        words = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b"]
        subprocess.run([*words, self._origin.disk, self._folder / "disk"], check=True)
        for number, bind in enumerate(self._binds):
            disk.of_folder(bind, self._folder / f"bind-{number}")
        self._power_on()
        for letter, bind in zip("bcdefg", self._binds, strict=False):
            line = f"/dev/vd{letter} {bind} ext4 ro 0 0"
            told = self.run(f"mkdir -p {bind} && echo '{line}' >> /etc/fstab && mount {bind}")
            assert told.returncode == 0, told.stderr

    def end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        if self._inside is not None:
            self._inside.close()

    def wait_for_restart(self) -> None:
        before = self._boot_id
        until(
            lambda: self._is_up() and self._boot_id != before,
            at_most=_BOOT_BOUND,
            what="the guest's restart",
        )

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        return self._run(script, begun_within=_RUN_BOUND)

    def _run(self, script: str, *, begun_within: float) -> subprocess.CompletedProcess[str]:
        started = self._ask(
            "guest-exec",
            within=begun_within,
            **{"path": "/bin/sh", "arg": ["-c", script], "capture-output": True},
            env=[f"{name}={value}" for name, value in debian.ENVIRONMENT.items()],
        )
        told = until(lambda: self._ended(started["pid"]), at_most=_RUN_BOUND, what=script)
        out, err = (
            base64.b64decode(told.get(name, "")).decode() for name in ("out-data", "err-data")
        )
        code = told["exitcode"] if "exitcode" in told else -told["signal"]
        return subprocess.CompletedProcess(script, code, out, err)

    def files(self) -> dict[str, str]:
        since = self._origin.disk.stat().st_mtime
        told = self.run(shlex.join(["python3", "-IBc", _TREE, str(since), *debian.OWN]))
        assert told.returncode == 0, told.stderr
        now: dict[str, str | None] = json.loads(told.stdout)
        before = self._origin.known()
        return {name: before[name] if digest is None else digest for name, digest in now.items()}

    def _power_on(self) -> None:
        ours, theirs = socket.socketpair()
        # It ends with whoever runs the tests.
        words = ["setpriv", "--pdeathsig", "KILL", _QEMU, "-nodefaults", "-display", "none"]
        words += ["-machine", "q35", "-accel", "tcg"]
        words += ["-smp", "2", "-m", "1024", "-kernel", str(self._origin.kernel)]
        words += ["-initrd", str(self._origin.initrd), "-append", _KERNEL]
        words += ["-chardev", f"file,id=log,append=on,path={self._log}", "-serial", "chardev:log"]
        words += ["-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net"]
        words += ["-chardev", f"socket,id=wire,fd={theirs.fileno()}", "-device", "virtio-serial"]
        words += ["-device", "virtserialport,chardev=wire,name=org.qemu.guest_agent.0"]
        # Nothing of it outlives the test, so nothing of it need be on the disk for sure.
        mine = f"file={self._folder / 'disk'},format=qcow2,if=virtio,cache=unsafe"
        binds = [
            f"file={self._folder / f'bind-{number}'},format=raw,if=virtio,readonly=on"
            for number in range(len(self._binds))
        ]
        for one in (mine, *binds):
            words += ["-drive", one]
        with self._log.open("ab") as log, theirs:
            self._process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=[theirs.fileno()]
            )
        self._inside = Inside(ours)
        until(self._is_up, at_most=_BOOT_BOUND, what="the guest's having started")

    def _ask(self, what: str, *, within: float = _ANSWER_BOUND, **arguments: object) -> Any:
        assert self._inside is not None
        return self._inside.ask(what, within=within, **arguments)

    def _ended(self, pid: int) -> dict[str, Any] | None:
        """How a process did, if it did."""
        try:
            told: dict[str, Any] = self._ask("guest-exec-status", pid=pid)
        except TimeoutError:
            return None
        except (ConnectionError, Refused):  # it is off, or knows of nothing from before a restart
            return {"signal": signal.SIGKILL}
        return told if told["exited"] else None

    def _is_up(self) -> bool:
        script = "cat /proc/sys/kernel/random/boot_id; systemctl is-system-running --wait"
        try:
            self._ask("guest-ping")
            told = self._run(script, begun_within=_ANSWER_BOUND)
        except TimeoutError:  # not yet, or not any more
            return False
        boot_id, _, state = told.stdout.partition("\n")
        if state.strip() not in ("running", "degraded"):
            return False
        self._boot_id = boot_id
        return True
