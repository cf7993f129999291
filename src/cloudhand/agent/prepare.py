"""Make a task into a script that can be started, or say in which way it cannot."""

from __future__ import annotations

import base64
import os
import pwd
import re
import shlex
from dataclasses import dataclass
from typing import Dict, Optional, Tuple

from cloudhand.agent import parameters, process, spool
from cloudhand.agent.holder import SEALED_PATH, Script
from cloudhand.agent.identity import Identity
from cloudhand.wire import agent as wire

_LOOKED_AT = 256  # bytes in which a program of the machine has a zero
_FILE_NAME = re.compile(r'\{\{\s*ACS::ScriptFileName\s*(?:\|\s*Ext\("([^"]*)"\)\s*)?\}\}')


class Refused(Exception):
    """A task that cannot be run; ``param`` and ``value`` as the protocol names them."""

    def __init__(self, param: str, value: str) -> None:
        super().__init__(f"{param}: {value}")
        self.param = param
        self.value = value


@dataclass(frozen=True)
class Prepared:
    """A script that can be written and started; all placeholders in it are filled."""

    script: Script
    path: str
    content: bytes
    sealed: bool


def prepare(task: wire.Task, folder: str, identity: Identity) -> Prepared:
    """Check a task. Writes nothing; Refused."""
    if task.type != "RunShellScript":
        raise Refused("TypeInvalid", f"TypeInvalid_{task.type}")
    account, user = _account(task.username)
    content = _filled(task, identity)
    environment = {"HOME": account.pw_dir, process.TASK_ID: task.task_id, process.MARK: folder}
    if user is not None:
        environment.update(USER=account.pw_name, LOGNAME=account.pw_name, SHELL=account.pw_shell)
    path, arguments = _arguments(task.launcher, os.path.join(folder, spool.SCRIPT), content)
    script = Script(
        folder=folder,
        arguments=arguments,
        directory=_directory(task.working_directory, account.pw_dir),
        environment=environment,
        quota=task.log_quota,
        user=user,
        pid_told=task.termination_mode == "Process",
        sealed=base64.b64encode(content).decode() if task.sealed else "",
    )
    return Prepared(script, path, content, task.sealed)


def write(prepared: Prepared) -> None:
    """Write the script so that only the user who runs it can read it. OSError.

    One with secrets in it is on no disk: its place leads to where its process has it.
    """
    if prepared.sealed:
        os.symlink(SEALED_PATH, prepared.path)
        return
    spool.write_file(prepared.path, prepared.content, 0o700)
    if prepared.script.user is not None:
        os.chown(prepared.path, prepared.script.user[0], prepared.script.user[1])


def _account(name: str) -> "Tuple[pwd.struct_passwd, Optional[Tuple[int, int, Tuple[int, ...]]]]":
    """The account to run as, and the ids to change to; none when it is our own."""
    try:
        account = pwd.getpwnam(name) if name else pwd.getpwuid(os.getuid())
    except KeyError:
        if name:
            raise Refused("UsernameOrPasswordInvalid", f"there is no user {name}") from None
        home = os.environ.get("HOME", "/")
        uid, gid = os.getuid(), os.getgid()
        account = pwd.struct_passwd((str(uid), "", uid, gid, "", home, "/bin/sh"))
    if account.pw_uid == os.getuid():
        return account, None
    if os.getuid() != 0:
        raise Refused(
            "UsernameOrPasswordInvalid",
            f"the agent is not root and may not become {name}",
        )
    if not (id_exists("uid", account.pw_uid) and id_exists("gid", account.pw_gid)):
        raise Refused(
            "UsernameOrPasswordInvalid",
            f"{name} has no ids in the user namespace of this machine",
        )
    groups = tuple(os.getgrouplist(account.pw_name, account.pw_gid))
    return account, (account.pw_uid, account.pw_gid, groups)


def id_exists(kind: str, number: int) -> bool:
    """Whether an id is mapped in our user namespace; the kernel says no more than EINVAL.

    ``kind`` is "uid" or "gid". Each line of the map is: first id here, first id outside, length.
    """
    with open(f"/proc/self/{kind}_map", "rb") as file:
        ranges = [[int(word) for word in line.split()] for line in file]
    return any(first <= number < first + length for first, _, length in ranges)


def _directory(wanted: str, home: str) -> str:
    if wanted:
        if not os.path.isdir(wanted):
            raise Refused("workingDirectory", f"there is no directory {wanted}")
        return wanted
    if not os.path.isdir(home):
        why = f"DefaultWorkingDirectoryNotAvailable: there is no home directory {home}"
        raise Refused("workingDirectory", why)
    return home


def _filled(task: wire.Task, identity: Identity) -> bytes:
    if not task.enable_parameter:
        return task.content
    values: Dict[str, str] = dict(task.built_in_parameters)
    values.update(InstanceId=identity.instance_id, CommandId=task.command_id, InvokeId=task.task_id)
    try:
        return parameters.fill(task.content, values)
    except parameters.UnknownParameter as unknown:
        raise Refused("InvalidEnvironmentParameter", str(unknown)) from None


def _arguments(launcher: str, path: str, content: bytes) -> "Tuple[str, Tuple[str, ...]]":
    """Where the script is written, and what starts it."""
    if not launcher:
        return path, _by_shell(path, content)
    match = _FILE_NAME.search(launcher)
    if match is not None and match.group(1):
        path += match.group(1)
    if match is None:
        return path, (*shlex.split(launcher), path)
    return path, tuple(shlex.split(_FILE_NAME.sub(shlex.quote(path), launcher)))


def _by_shell(path: str, content: bytes) -> "Tuple[str, ...]":
    # Compat: the published agent has a shell start the file, which may name another interpreter.
    if content.startswith(b"#!") or b"\0" in content[:_LOOKED_AT]:
        return ("/bin/sh", "-c", shlex.quote(path))
    # To any other file the kernel says no, and the shell starts itself again to read it. To let it
    # read the file at once is the same, and costs half.
    return ("/bin/sh", path)
