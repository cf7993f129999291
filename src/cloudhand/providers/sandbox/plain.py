"""Start an instance as plain processes, where the kernel makes no namespaces for us.

Such an instance is no wall: it has its own boot id, home and temporary directory, and the power
tools it finds ask its init. A filter of system calls refuses it reboot(2) and, where the machine
has services that would do the same for who asks, to call any service by a local socket. As far as
Landlock goes, the real tools cannot be executed, and no process outside can be signalled.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from typing import NoReturn

from cloudhand.providers.sandbox import init, kernel, seccomp
from cloudhand.providers.sandbox.launcher import execute, init_command, say
from cloudhand.providers.sandbox.plan import Launch, Runtime

_DIRECTORIES = ("bin", "sbin", "usr/bin", "usr/sbin", "usr/local/bin", "usr/local/sbin")
_TALKERS = ("busctl", "dbus-send", "gdbus", "loginctl")  # they ask the machine's own manager
_MANAGERS = ("systemd", "systemd-shutdown", "systemd-executor")
_MANAGER_DIRECTORIES = ("lib/systemd", "usr/lib/systemd")
# Sockets of services that take the machine down, or do anything else, for who asks.
SERVICES = (
    "/run/containerd/containerd.sock",
    "/run/dbus/system_bus_socket",
    "/run/docker.sock",
    "/run/podman/podman.sock",
    "/run/systemd/private",
)
_CAPABILITIES = {
    "CAP_SYS_MODULE": 16,
    "CAP_SYS_RAWIO": 17,
    "CAP_SYS_PTRACE": 19,
    "CAP_SYS_ADMIN": 21,
    "CAP_SYS_BOOT": 22,
    "CAP_SYS_TIME": 25,
    "CAP_MKNOD": 27,
}


def run(runtime: Runtime, launch: Launch, report: int) -> NoReturn:
    """Become the instance's init; ``report`` is the pipe to the supervisor."""
    try:
        say(report, pid=os.getpid())
        directory = launch.directory
        _prepare(runtime, directory)
        command = launch.command or init_command(
            runtime.python,
            f"{directory}/run",
            init.NO_NAMESPACE,
            kept=f"{directory}/kept",
            log=f"{directory}/log/cloud-init-output.log",
            agent_state=f"{directory}/agent",
        )
        os.setsid()
        os.chdir(f"{directory}/home")
        kernel.adopt_orphans()
        _confine()
        # The supervisor gone, init has to end what it started: nobody else would.
        kernel.die_with_parent(signal.SIGPWR)
        execute(command, _environment(launch), launch, report)
    except OSError as error:
        say(report, error=str(error.strerror or error))
    os._exit(1)


def _prepare(runtime: Runtime, directory: str) -> None:
    for name in ("run", "tmp"):
        shutil.rmtree(f"{directory}/{name}", ignore_errors=True)
    for name in ("agent", "home", "kept", "log", "tmp", "run/bin"):
        os.makedirs(f"{directory}/{name}", mode=0o700, exist_ok=True)
    files = f"{directory}/run"
    for name in ("agent.pyz", "init.py"):
        os.link(f"{runtime.files}/{name}", f"{files}/{name}")
    with open(f"{runtime.files}/power.sh", "rb") as file:
        shim = file.read().replace(b"@INIT@", str(os.getpid()).encode())
    with open(f"{files}/power", "wb") as file:
        file.write(shim.replace(b"@RUN@", os.fsencode(files)))
        os.fchmod(file.fileno(), 0o755)
    for name in init.SHIMS:
        os.symlink("../power", f"{files}/bin/{name}")
    with open(f"{directory}/boot.json", "rb") as file:
        # The PID namespace is the machine's, which must not keep the agent from asking the shim.
        boot = json.load(file) | {
            "launcherPidNamespace": None,
            "powerCommand": [f"{files}/bin/shutdown"],
        }
    with open(os.open(f"{files}/boot.json", os.O_WRONLY | os.O_CREAT, 0o600), "w") as text:
        json.dump(boot, text)
    if os.path.exists(f"{directory}/user-data"):
        shutil.copyfile(f"{directory}/user-data", f"{files}/user-data")
        os.chmod(f"{files}/user-data", 0o700)


def _environment(launch: Launch) -> dict[str, str]:
    directory = launch.directory
    nowhere = "unix:path=/nonexistent/cloudhand"
    return {
        "PATH": f"{directory}/run/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": f"{directory}/home",
        "TMPDIR": f"{directory}/tmp",  # noqa: S108 - the instance's own
        "LANG": "C.UTF-8",
        "SHELL": "/bin/sh",
        "HOSTNAME": launch.hostname,
        "CLOUDHAND_BOOT_ID": launch.boot_id,
        "DBUS_SYSTEM_BUS_ADDRESS": nowhere,
        "DBUS_SESSION_BUS_ADDRESS": nowhere,
    }


def _confine() -> None:
    root = not os.geteuid()
    kernel.forgo_new_privileges()  # nor does anybody become root by sudo again
    kernel.confine(executables(power_tools()), writables() if root else None)
    seccomp.refuse(callers=any(map(os.path.exists, SERVICES)))
    if root:
        for capability in _CAPABILITIES.values():
            kernel.drop_from_bounding_set(capability)


def writables() -> list[str]:
    """What root may write to: not /proc and /sys, where a word takes the machine down."""
    return [entry.path for entry in os.scandir("/") if entry.name not in ("proc", "sys")]


def power_tools() -> set[str]:
    """Real paths of the programs that would act on the machine itself."""
    found = {
        os.path.realpath(f"/{directory}/{name}")
        for directories, names in (
            (_DIRECTORIES, (*init.SHIMS, *_TALKERS)),
            (_MANAGER_DIRECTORIES, _MANAGERS),
        )
        for directory in directories
        for name in names
        if os.path.exists(f"/{directory}/{name}")
    }
    # Where one program is everything, busybox for example, the shell must go on working. Its
    # power tools need the capability or signal an init that Landlock keeps out of reach.
    return found - {os.path.realpath("/bin/sh"), os.path.realpath("/usr/bin/env")}


def executables(denied: set[str], below: str = "") -> Iterator[str]:
    """Files and directories that hold everything but the denied: Landlock knows only allowing."""
    try:
        entries = list(os.scandir(below or "/"))
    except OSError:
        return
    for entry in entries:
        path = f"{below}/{entry.name}"
        if entry.is_symlink() or path in denied:
            continue
        if any(name.startswith(f"{path}/") for name in denied):
            yield from executables(denied, path)
        elif entry.is_dir(follow_symlinks=False) or entry.is_file(follow_symlinks=False):
            yield path
