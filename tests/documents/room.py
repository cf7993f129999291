"""A machine for a page alone, in namespaces: what is written or started in it goes with it.

It has the files of this one, and whatever changes them changes a copy. It has processes, a network
with nothing but loopback, and a name of its own. Nothing in it reaches what runs on this machine,
and nothing in it takes that down: the programs that would are not there.
"""

from __future__ import annotations

import os
import re
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from functools import cache, cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

from tests.rules.sources import ROOT
from tests.system.adoptable import SYSTEMCTL, Machines
from tests.system.waiting import until

HOME = "/home/ann"
_TOOLS = ("unshare", "nsenter", "setsid", "mount", "bash")
_BOUND = 150.0  # seconds; a bad agent is tried for a minute
_TICK = 0.5  # seconds
_CHANGED = ("/etc", "/usr", "/var", "/home", "/opt", "/root", str(ROOT))

# FOLDER PYTHON FOLDERS-THAT-MAY-BE-CHANGED...
_FIRST = r"""
set -eu
exec 3<&0
folder=$1 python=$2
shift 2
mount --make-rprivate /
mount -t tmpfs tmpfs "$folder"
for path; do
    mkdir -p "$folder/changed$path" "$folder/work$path"
    mount -t overlay overlay -o \
        "lowerdir=$path,upperdir=$folder/changed$path,workdir=$folder/work$path" "$path"
done
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system /home/ann
mount -t tmpfs -o mode=700 tmpfs /home/ann  # instances lie here, and none can lie on an overlay
mount -t proc proc /proc
if [ -e /proc/sysrq-trigger ]; then mount --bind /dev/null /proc/sysrq-trigger; fi
for name in reboot shutdown poweroff halt init telinit systemctl; do
    for path in /bin /sbin /usr/bin /usr/sbin; do
        if [ -e "$path/$name" ]; then mount --bind /dev/null "$path/$name"; fi
    done
done
hostname desk
echo '127.0.0.1 localhost desk control.example' >/etc/hosts
tr -d - </proc/sys/kernel/random/uuid >/etc/machine-id
cat >/usr/local/bin/sudo <<'END'
#!/bin/sh
# As the real one it hands on of the environment what it is told to keep.
case $1 in --preserve-env=*) kept=${1#*=} && shift ;; *) kept=TERM ;; esac
exec env -i "PATH=$PATH" HOME=/root "$kept=$(printenv "$kept")" "$@"
END
printf '%s' "$CLOUDHAND_SYSTEMCTL" >/usr/local/bin/systemctl
chmod 755 /usr/local/bin/sudo /usr/local/bin/systemctl
"$python" -c 'import fcntl, socket, struct
with socket.socket() as any:
    fcntl.ioctl(any, 0x8914, struct.pack("16sH14x", b"lo", 1))  # SIOCSIFFLAGS, IFF_UP'
echo up
# It ends with whoever holds the other end of its input.
cat <&3 &
wait "$!"
"""

# What one command leaves for the next: variables, and where one is.
_TYPED = r"""
. ~/.before 2>/dev/null
cd "$(cat ~/.where 2>/dev/null || echo ~)"
leave() {
    ended=$?
    declare -p | grep -vE "^declare -\S*r|^declare \S+ BASH" >~/.before
    pwd >~/.where
    exit $ended
}
trap leave EXIT
"""
_PROBE = "from cloudhand.providers.sandbox.probe import probe; probe(plain_processes=False)"
_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
_COUNT = re.compile(r"\b(\d+) machines?\b[^\n]*Type the number of machines to go on: \Z")


def _pid(name: str) -> str:
    """The file with the process that stays by this name."""
    return f".{re.sub(r'[^a-z0-9]+', '-', name)}.pid"


@cache
def missing() -> str:
    """Why there can be none here, or no instances in it; empty if there can."""
    if os.geteuid() != 0:
        return "only root can have a machine of a page's own"
    absent = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if absent:
        return f"there is no {', '.join(absent)}"
    with TemporaryDirectory() as folder:
        try:
            with Room(Path(folder) / "room") as room:
                room.do(f"python -c '{_PROBE}'")
        except AssertionError as error:
            return f"no instances can be made in a room: {str(error).splitlines()[-1]}"
    return ""


class Room:
    """Use it in a with statement."""

    def __init__(self, folder: Path, *, online: bool = False) -> None:
        """``online``: it has the network of this machine, too."""
        self.folder = folder
        self._online = online
        self.closing = ExitStack()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self.said = ""  # all of it, so that ids can be found again
        self.answers: Mapping[str, str] = {}  # by how a question ends: a script that says it

    def __enter__(self) -> Self:
        self.folder.mkdir()
        (self.folder / "room").mkdir()
        words = ["unshare", "--mount", "--pid", "--uts", "--ipc", "--fork", "--kill-child"]
        words += [] if self._online else ["--net"]
        words += ["bash", "-c", _FIRST, "first", str(self.folder / "room"), sys.executable]
        self._first = subprocess.Popen(
            [*words, *_CHANGED],
            env={**os.environ, "CLOUDHAND_SYSTEMCTL": SYSTEMCTL},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._first.stdout is not None
        if self._first.stdout.readline() != "up\n":
            self._first.communicate()
            raise AssertionError("it refuses namespaces or mounts")
        children = Path(f"/proc/{self._first.pid}/task/{self._first.pid}/children").read_text()
        self._inside = ["nsenter", "--target", children.split()[0], "--mount", "--pid", "--uts",
                        "--ipc", "--net"]  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.close()
        self._first.kill()
        self._first.communicate()
        for process in self._processes.values():
            process.wait()

    @cached_property
    def neighbours(self) -> Machines:
        """Other machines in its network, which ssh reaches."""
        machines = Machines(self.folder / "machines", 22, within=self.inside())
        return self.closing.enter_context(machines)

    @property
    def environment(self) -> Mapping[str, str]:
        path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        return {
            "PATH": f"{Path(sys.executable).parent}:{path}",
            "HOME": HOME,
            "TERM": "dumb",
            "COLUMNS": "400",
            "LINES": "100",
            "LANG": "C.UTF-8",
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def inside(self, *words: str) -> list[str]:
        return [*self._inside, *words]

    def do(self, script: str) -> str:
        """What is done between the lines of the page; what it says."""
        done = subprocess.run(
            self.inside("bash", "-c", f"cd; set -e\n{script}"),
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_BOUND,
            check=False,
        )
        assert done.returncode == 0, f"{script}: {done.stdout}{done.stderr}"
        self.said += done.stdout + done.stderr
        return done.stdout

    def write(self, name: str, text: str, mode: int = 0o644) -> None:
        words = self.inside(
            "bash", "-c", f'{_TYPED}\nmkdir -p "$(dirname "$1")"; cat >"$1"; chmod {mode:o} "$1"',
            "bash", name.replace("~", HOME),
        )  # fmt: skip
        subprocess.run(words, env=self.environment, input=text, text=True, check=True)

    def stay(self, name: str, script: str, ready: str) -> None:
        """Start what does not end by itself, and wait until it has said that it is ready."""
        log = self.folder / f"{len(self._processes)}.log"
        with log.open("wb") as told:
            self._processes[name] = subprocess.Popen(
                self.inside(
                    "bash", "-c", f"{_TYPED}\ntrap - EXIT\necho $$ >~/{_pid(name)}\nexec {script}"
                ),
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=told,
                stderr=told,
            )
        process = self._processes[name]

        def said() -> bool:
            assert process.poll() is None, f"{script}: {log.read_text()}"
            return ready in log.read_text()

        until(said, at_most=_BOUND, what=f"{script}'s being ready")

    def end(self, name: str) -> None:
        self.do(f"kill $(cat ~/{_pid(name)})")
        self._processes[name].wait(_BOUND)

    def type(self, command: str, *, interrupted: str = "") -> tuple[int, str]:
        """Type it on a terminal, and answer what is asked; its exit code, and what it said.

        ``interrupted``: Ctrl-C is typed when it has said this.
        """
        ours, theirs = os.openpty()
        try:
            process = subprocess.Popen(
                self.inside("setsid", "--ctty", "--wait", "bash", "-c", f"{_TYPED}\n{command}"),
                env=self.environment,
                stdin=theirs,
                stdout=theirs,
                stderr=theirs,
            )
            os.close(theirs)
            said = self._listen(ours, process, interrupted)
            self.said += said
            return process.wait(_BOUND), said
        finally:
            os.close(ours)

    def _listen(self, terminal: int, process: subprocess.Popen[bytes], interrupted: str) -> str:
        said, answered, heard = "", 0, time.monotonic()
        while True:
            ready, _, _ = select.select([terminal], [], [], _TICK)
            if not ready:
                # After Ctrl-C a terminal that everybody has left is not always said to be ready.
                if process.poll() is not None:
                    break
                assert time.monotonic() < heard + _BOUND, f"nothing more is said after {said}"
                continue
            heard = time.monotonic()
            try:
                part = os.read(terminal, 65536)
            except OSError:  # everybody on the other side has gone
                break
            if not part:
                break
            said = _ESCAPES.sub("", said + part.decode("utf-8", "replace")).replace("\r\n", "\n")
            if interrupted and interrupted in said:
                os.write(terminal, b"\x03")
                interrupted = ""
            answer = self._answer(said[answered:])
            if answer is not None:
                os.write(terminal, f"{answer}\n".encode())
                answered = len(said)
        return said

    def _answer(self, said: str) -> str | None:
        if count := _COUNT.search(said):
            return count[1]
        if said.endswith("[y/N] "):
            return "y"
        for question, found in self.answers.items():
            if said.endswith(question):
                return self.do(found).strip()
        return None
