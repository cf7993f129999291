"""Machines that ssh reaches, on addresses of their own: each a real sshd in namespaces of its own.

Each has its own files, processes and name, so that the installer does there what it does anywhere.
It shares the network, and has a stand-in for `systemctl` that starts what a unit says.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Self

from tests.system.waiting import until

_TOOLS = ("ssh", "ssh-keygen", "unshare", "nsenter", "mount")
_SSHD = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")

# The first process of a machine: FOLDER ADDRESS PORT NAME COMMAND...
_MACHINE = r"""
set -eu
folder=$1 address=$2 port=$3 name=$4
shift 4
mount --make-rprivate /
mkdir -p "$folder/$name"
mount -t tmpfs tmpfs "$folder/$name"
for path in etc usr/local var/lib root; do
    mkdir -p "$folder/$name/$path" "$folder/$name/.work/$path"
    mount -t overlay overlay -o \
        "lowerdir=/$path,upperdir=$folder/$name/$path,workdir=$folder/$name/.work/$path" "/$path"
done
mount -t tmpfs tmpfs /run
mkdir -p /run/sshd /run/systemd/system
mount -t proc proc /proc
hostname "$name"
tr -d - </proc/sys/kernel/random/uuid >/etc/machine-id
mkdir -p /etc/systemd/system
install -m 755 "$folder/systemctl" /usr/local/bin/systemctl
install -m 755 "$folder/systemctl" /usr/local/sbin/systemctl
sed -i 's/^root:[^:]*/root:*/' /etc/shadow
echo 'deploy:x:4242:4242::/:/bin/sh' >>/etc/passwd
echo 'deploy:*:19000:0:99999:7:::' >>/etc/shadow
echo 'deploy:x:4242:' >>/etc/group
install -m 644 "$folder/key.pub" /run/keys
"$@"
exec "$folder/sshd" -D -e -f /dev/null -o "ListenAddress=$address:$port" -o "HostKey=$folder/host" \
    -o AuthorizedKeysFile=/run/keys -o StrictModes=no -o PidFile=none -o UsePAM=no \
    -o PasswordAuthentication=no -o KbdInteractiveAuthentication=no \
    -o PermitRootLogin=prohibit-password
"""

# Of systemd as much as the installer asks of it. What it starts outlives whoever asked for it.
SYSTEMCTL = r"""#!/bin/sh
for unit; do :; done
unit=/etc/systemd/system/$unit
alive() { [ -e /run/agent.pid ] && kill -0 "-$(cat /run/agent.pid)" 2>/dev/null; }
end() { if alive; then kill -- "-$(cat /run/agent.pid)"; while alive; do sleep 0.05; done; fi; }
case " $* " in
    *" daemon-reload "* | *" enable "* | *" reset-failed "* | *" kill "*) exit 0 ;;
    *" cat "*) cat "$unit"; exit ;;
    *" disable "* | *" stop "*) end; exit 0 ;;
    *" restart "*) end ;;
    *" start "*) if alive; then exit 0; fi ;;
    *) echo "this stand-in does not know: $*" >&2; exit 1 ;;
esac
command=$(sed -n 's/^ExecStart=//p' "$unit")
file=$(sed -n 's/^EnvironmentFile=//p' "$unit")
# Started again when it has ended by itself, unless it was refused.
again="while $command || [ \$? != 1 ]; do sleep 0.2; done"
setsid env $(cat "${file:-/dev/null}") sh -c "$again" </dev/null >>/run/agent.log 2>&1 9>&- &
echo $! >/run/agent.pid
"""

# What breaks a machine before its sshd listens.
NO_KEYS = ("rm", "/run/keys")
_PYTHONS = "/usr/bin/python3* /usr/local/bin/python3* $(dirname $(command -v python3))/python3*"
NO_PYTHON = (
    "sh",
    "-c",
    f'for one in {_PYTHONS}; do [ -x "$one" ] && mount --bind /dev/null "$one"; done; true',
)


def missing() -> str:
    """Why there can be no such machines here; empty if there can."""
    if os.geteuid() != 0:
        return "only root can have an sshd in namespaces of its own"
    absent = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if _SSHD is None:
        absent.append("sshd (apt install openssh-server)")
    return f"there is no {', '.join(absent)}" if absent else ""


class Machines:
    """Use it in a with statement."""

    def __init__(self, folder: Path, port: int, *, within: Sequence[str] = ()) -> None:
        """``within``: what enters a network of its own, if it is not that of this machine."""
        self.folder = folder
        self.port = port
        self._within = within
        self.key = folder / "key"
        self.config = folder / "config"
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        self.folder.mkdir()
        for name in ("key", "host"):
            words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.folder / name)]
            subprocess.run(words, check=True)
        assert _SSHD is not None
        (self.folder / "sshd").symlink_to(_SSHD)
        systemctl = self.folder / "systemctl"
        systemctl.write_text(SYSTEMCTL)
        host = (self.folder / "host.pub").read_text()
        known = self.folder / "known_hosts"
        known.write_text(f"[127.0.*]:{self.port} {host}")
        self.config.write_text(
            f"Host *\n  UserKnownHostsFile {known}\n  GlobalKnownHostsFile /dev/null\n"
            "  StrictHostKeyChecking yes\n  IdentitiesOnly yes\n"
        )
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._running.values():
            process.kill()
        for process in self._running.values():
            process.wait()

    def start(self, address: str, name: str, *, before: Sequence[str] = (":",)) -> None:
        """Its sshd will listen. ``before``: a command that runs there first."""
        words = [*self._within, "unshare", "--mount", "--pid", "--uts", "--ipc", "--fork"]
        words += ["--kill-child"]
        words += ["sh", "-c", _MACHINE, "machine"]
        words += [str(self.folder), address, str(self.port), name, *before]
        with (self.folder / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def listening(self) -> None:
        """Once all that were started listen."""
        for name in self._running:
            until(partial(self._listens, name), what=f"{name}'s sshd")

    def _listens(self, name: str) -> bool:
        return b"Server listening" in (self.folder / f"{name}.log").read_bytes()

    def run(self, name: str, script: str) -> subprocess.CompletedProcess[str]:
        """A shell script, inside."""
        first = str(self._running[name].pid)
        for _ in range(2 if self._within else 1):  # who enters and who unshares have one child
            first = Path(f"/proc/{first}/task/{first}/children").read_text().split()[0]
        words = ["nsenter", "--target", first, "--mount", "--pid", "--uts", "--net", "sh", "-c"]
        return subprocess.run(
            [*words, script], capture_output=True, text=True, timeout=60, check=False
        )
