"""Start an instance: namespaces, file system, and at last its init. Runs in a fork of the
supervisor, which becomes the parent of the instance's first process.

The fork says on a pipe what came of it, one JSON object a line: ``{"pid": N}`` when the first
process exists, ``{"error": TEXT}`` when something failed. The pipe closes when init runs.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
from typing import NoReturn

from cloudhand.providers.sandbox import init, kernel
from cloudhand.providers.sandbox.plan import ID_COUNT, Launch, Mode, Runtime
from cloudhand.providers.sandbox.tree import RUN, Tree

_AGENT_STATE = "/var/lib/cloudhand-agent"
_KEPT = "/var/lib/cloudhand"
_USER_DATA_LOG = "/var/log/cloud-init-output.log"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def run(runtime: Runtime, launch: Launch, report: int) -> NoReturn:
    """Launch in this process, which ends with it; ``report`` is the pipe to the supervisor."""
    try:
        _launch(runtime, launch, report)
    except OSError as error:
        say(report, error=str(error.strerror or error))
        os._exit(1)
    os._exit(0)


def _launch(runtime: Runtime, launch: Launch, report: int) -> None:
    user, group = os.geteuid(), os.getegid()
    os.chdir(launch.directory)
    if runtime.mode is Mode.NAMESPACES_USER:
        kernel.unshare(kernel.NEWUSER | kernel.NEWNS, "cannot make a user namespace")
        _write_maps("self", f"0 {user} 1", f"0 {group} 1", deny_groups=True)
    else:
        kernel.unshare(kernel.NEWNS, "cannot make a mount namespace")
    kernel.make_private()
    go_reads, go_writes = os.pipe()
    spaces = kernel.NEWUSER | kernel.NEWPID | kernel.NEWUTS | kernel.NEWIPC
    pid = kernel.clone_sibling(spaces)
    if not pid:
        os.close(go_writes)
        _become_init(runtime, launch, report, go_reads)
    try:
        say(report, pid=pid)
        _build(runtime, launch, pid)
        os.write(go_writes, b"g")
    except BaseException:
        with contextlib.suppress(ProcessLookupError):  # it is the supervisor's to bury
            os.kill(pid, signal.SIGKILL)
        raise


def _write_maps(process: str, users: str, groups: str, *, deny_groups: bool = False) -> None:
    try:
        for name, text in (("uid_map", users), ("gid_map", groups)):
            if name == "gid_map" and deny_groups:
                _write_proc(f"/proc/{process}/setgroups", "deny")
            _write_proc(f"/proc/{process}/{name}", text)
    except OSError as error:
        raise OSError(error.errno, f"cannot map ids: {os.strerror(error.errno or 0)}") from None


def _write_proc(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def _build(runtime: Runtime, launch: Launch, pid: int) -> None:
    ids = f"0 {launch.base} {ID_COUNT}" if runtime.mode is Mode.NAMESPACES_ROOT else "0 0 1"
    _write_maps(str(pid), ids, ids)
    owner = os.open(f"/proc/{pid}/ns/user", os.O_RDONLY)
    processes = os.open(f"/proc/{pid}/ns/pid", os.O_RDONLY)
    tree = Tree(runtime, launch, owner)
    tree.build()
    _mount_proc(tree.proc(), processes)
    tree.finish()


def _mount_proc(target: str, processes: int) -> None:
    """By a short child in the instance's PID namespace, whose processes it is to show."""
    reads, writes = os.pipe()
    kernel.enter(processes, "cannot enter the PID namespace")
    if not (pid := os.fork()):
        try:
            kernel.mount("proc", target, flags=kernel.NOSUID | kernel.NODEV | kernel.NOEXEC)
        except OSError as error:
            os.write(writes, str(error.strerror).encode())
        os._exit(0)
    os.close(writes)
    with open(reads, "rb") as file:
        failure = file.read().decode()
    os.waitpid(pid, 0)
    if failure:
        raise OSError(failure)


def _become_init(runtime: Runtime, launch: Launch, report: int, go: int) -> NoReturn:
    """The instance's first process: wait for its file system, lock it, and become init."""
    try:
        if not os.read(go, 1):
            os._exit(1)  # the launcher failed, and said so
        _enter(runtime, launch)
        command = launch.command or init_command(
            runtime.python,
            RUN,
            runtime.launcher_namespace,
            kept=_KEPT,
            log=_USER_DATA_LOG,
            agent_state=_AGENT_STATE,
        )
        environment = {"PATH": _PATH, "HOME": "/root", "LANG": "C.UTF-8", "LOGNAME": "root"}
        execute(command, environment | {"USER": "root", "SHELL": "/bin/sh"}, launch, report)
    except OSError as error:
        say(report, error=str(error.strerror or error))
    os._exit(1)


def _enter(runtime: Runtime, launch: Launch) -> None:
    # From here on every mount made so far is locked: the instance cannot take it away.
    kernel.unshare(kernel.NEWNS, "cannot make a mount namespace of its own")
    os.chdir("/")
    with open("/proc/sys/kernel/hostname", encoding="ascii"):
        pass  # a /proc that shows no such file is not ours
    set_hostname(launch.hostname)
    os.setsid()
    if runtime.mode is Mode.NAMESPACES_ROOT:
        os.setgroups([])
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    kernel.new_keyring()
    kernel.confine()
    kernel.die_with_parent(signal.SIGKILL)


def set_hostname(name: str) -> None:
    import socket

    socket.sethostname(name)


def init_command(
    python: str, run: str, namespace: str, *, kept: str, log: str, agent_state: str
) -> list[str]:
    """Init and, after its own arguments, the agent that it keeps running."""
    alone = [python, "-S", "-E"]
    agent = [*alone, f"{run}/agent.pyz", "run", "--state", agent_state]
    boot = ["--boot", f"{run}/boot.json"]
    return [*alone, f"{run}/init.py", namespace, run, kept, log, *agent, *boot]


def execute(
    command: list[str], environment: dict[str, str], launch: Launch, report: int
) -> NoReturn:
    """Become ``command``, with the console as output and nothing else of the supervisor's."""
    hung_up = select.poll()
    hung_up.register(launch.alive, 0)
    if hung_up.poll(0):
        os._exit(1)  # the supervisor ended before its death could end us
    signal.pthread_sigmask(signal.SIG_SETMASK, init.SIGNALS)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    os.umask(0o022)
    null = os.open("/dev/null", os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(launch.console, 1)
    os.dup2(launch.console, 2)
    os.dup2(report, 3, inheritable=False)  # closes when the new program runs
    kernel.close_from(4)
    try:
        os.execve(command[0], command, environment)
    except OSError as error:
        say(3, error=f"cannot run {command[0]}: {error.strerror}")
    os._exit(1)


def say(report: int, **message: object) -> None:
    os.write(report, json.dumps(message).encode() + b"\n")
