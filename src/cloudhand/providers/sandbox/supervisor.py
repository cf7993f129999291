"""The process that holds the instances of one state directory: their parent, and their power.

It is apart from the control plane, whose death must not end them, and is found again by its
socket. One thread and one loop: the kernel's death signal follows the thread that forked.

On the socket go JSON objects, one a line: ``{"id", "do", ...}`` is answered by ``{"id"}`` with
what was asked for, or with ``error``; ``{"changed": ID}`` comes unasked.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import selectors
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import IO, Any

from cloudhand.providers.sandbox import instance, mask
from cloudhand.providers.sandbox.boots import Instance
from cloudhand.providers.sandbox.plan import Mode, Runtime, this_python

Reply = Callable[[dict[str, Any]], None]

_END_BOUND = 5.0  # seconds for instances to end with the supervisor, before they are killed
_IDLE_BOUND = 10.0  # seconds without instances that run and without a control plane, then it ends
_STEP = 0.01  # seconds between looks for the end of another supervisor


class Supervisor:
    def __init__(self, runtime: Runtime, tether: int, remove: str) -> None:
        self.runtime = runtime
        self.remove = remove  # a directory to remove at the end; empty: none
        self.tether = tether
        self.selector = selectors.DefaultSelector()
        self.instances: dict[str, Instance] = {}
        self.folder = f"{runtime.state}/instances"
        self.socket_path = f"{runtime.state}/supervisor.sock"
        self.connections: dict[socket.socket, bytes] = {}
        self.alive, self._held = os.pipe()
        self.ending: Reply | None = None
        self.kill_at = 0.0  # when what has not ended by then is killed; 0: no end was asked for
        self.leave_at = 0.0  # when it ends unless somebody needs it; 0: somebody does
        self.done = False

    def main(self, listener: socket.socket) -> None:
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        for entry in os.scandir(self.folder):
            record = None if entry.name[0] == "." else instance.load(entry.path)
            if record is not None:
                self.instances[entry.name] = Instance(self.runtime, record, entry.path)
        wake_reading, wake_writing = os.pipe()
        os.set_blocking(wake_reading, False)
        os.set_blocking(wake_writing, False)
        signal.set_wakeup_fd(wake_writing)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._signalled)
        listener.setblocking(False)
        self.selector.register(listener, selectors.EVENT_READ, self._accept)
        self.selector.register(wake_reading, selectors.EVENT_READ, lambda f: os.read(f, 4096))
        if self.tether >= 0:
            self.selector.register(self.tether, selectors.EVENT_READ, lambda _: self._end())
        self._leave_if_idle()
        while not self.done:
            self._hear_all(self._rest())
            self._reap()
            self._start_due()
            self._kill_due()
            self._leave_if_idle()
            self.done = self.done or (
                self.ending is not None and not any(i.running for i in self.instances.values())
            )
        self._finish(listener)

    def _hear_all(self, at_most: float | None) -> None:
        for key, _ in self.selector.select(at_most):
            key.data(key.fileobj)

    def _signalled(self, number: int, _: object) -> None:
        if number != signal.SIGCHLD:
            self._end()

    def _rest(self) -> float | None:
        """Seconds until something is due; None if nothing is."""
        moments = [i.start_at for i in self.instances.values() if i.start_at]
        moments += [moment for moment in (self.kill_at, self.leave_at) if moment]
        return max(min(moments) - time.monotonic(), 0) if moments else None

    def _kill_due(self) -> None:
        if self.kill_at and self.kill_at <= time.monotonic():
            self.kill_at = time.monotonic() + _END_BOUND
            for one in self.instances.values():
                one.kill()

    def _leave_if_idle(self) -> None:
        """Be done when for a while nobody has needed us; the next control plane starts another."""
        running = any(one.running for one in self.instances.values())
        if running or self.connections or self.kill_at or self.tether >= 0:
            self.leave_at = 0.0
        elif not self.leave_at:
            self.leave_at = time.monotonic() + _IDLE_BOUND
        elif self.leave_at <= time.monotonic():
            # Nobody finds us from now on; whoever did before must not lose what he asks.
            os.rename(self.socket_path, f"{self.socket_path}.old")
            self._hear_all(0)
            if self.connections:
                os.rename(f"{self.socket_path}.old", self.socket_path)
            else:
                self.done = True

    def _start_due(self) -> None:
        now = time.monotonic()
        due = [one for one in self.instances.values() if one.start_at and one.start_at <= now]
        if not due:
            return
        try:
            # One look for all that are due: it begins after each of them was asked for.
            hidden = mask.hidden() if self.runtime.mode is Mode.NAMESPACES_ROOT else {}
        except OSError as error:
            for one in due:
                self._cannot_boot(one, error)
            return
        for one in due:
            self._boot(one, hidden)

    def _boot(self, one: Instance, hidden: dict[str, list[str]]) -> None:
        try:
            one.start(hidden, self.alive)
        except OSError as error:
            self._cannot_boot(one, error)
            return
        assert one.report is not None
        self.selector.register(one.report, selectors.EVENT_READ, lambda _: self._hear(one))

    def _cannot_boot(self, one: Instance, error: OSError) -> None:
        one.error = str(error.strerror or error)
        one.start_at = 0.0
        one.tell()
        self._changed(one)

    def _hear(self, one: Instance) -> None:
        report = one.report
        assert report is not None
        goes_on = one.hear()
        if self.ending is not None:
            one.stop(force=True)  # its pid may not have been known when the end was asked for
        if not goes_on:
            self.selector.unregister(report)
            self._changed(one)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            for one in list(self.instances.values()):  # who hears of it may forget one
                self._reaped(one, pid, status)

    def _reaped(self, one: Instance, pid: int, status: int) -> None:
        process = one.process
        if process is None or pid not in (one.pid, process.launcher_pid):
            return
        if one.report is not None:
            # Its last words first: they say whether it began at all.
            os.set_blocking(one.report, True)
            while one.report is not None:
                self._hear(one)
        launcher_failed = pid == process.launcher_pid and pid != one.pid
        if launcher_failed and (status == 0 or one.pid):
            return
        one.ended(status)
        self._changed(one)

    def _accept(self, listener: Any) -> None:
        connection, _ = listener.accept()
        connection.setblocking(False)
        self.connections[connection] = b""
        self.selector.register(connection, selectors.EVENT_READ, self._read)

    def _read(self, connection: Any) -> None:
        try:
            data = connection.recv(1 << 20)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._drop(connection)
            return
        *lines, rest = (self.connections[connection] + data).split(b"\n")
        self.connections[connection] = rest
        for line in lines:
            self._ask(connection, json.loads(line))

    def _drop(self, connection: socket.socket) -> None:
        if self.connections.pop(connection, None) is not None:
            self.selector.unregister(connection)
            connection.close()

    def _send(self, connection: socket.socket, message: dict[str, Any]) -> None:
        if connection not in self.connections:
            return
        try:
            connection.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            self._drop(connection)

    def _changed(self, one: Instance) -> None:
        for connection in list(self.connections):
            self._send(connection, {"changed": os.path.basename(one.directory)})

    def _ask(self, connection: socket.socket, asked: dict[str, Any]) -> None:
        def reply(answer: dict[str, Any]) -> None:
            self._send(connection, {"id": asked["id"], **answer})

        try:
            self._do(asked, reply)
        except OSError as error:
            reply({"error": str(error.strerror or error)})

    def _do(self, asked: dict[str, Any], reply: Reply) -> None:
        what = asked["do"]
        one = self.instances.get(asked.get("instance", ""))
        if what == "shutdown":
            self.ending = reply
            self._end()
        elif what == "create":
            self._create(asked, reply)
        elif what == "observe":
            reply(_observed(one))
        elif one is None:
            reply({} if what == "release" else {"error": "there is no such instance"})
        elif what == "start":
            self._start(one, reply)
        elif what == "release":
            self._release(one, reply)
        else:
            self._power(one, what, asked, reply)

    def _create(self, asked: dict[str, Any], reply: Reply) -> None:
        name = asked["boot"]["instanceId"]
        directory = f"{self.folder}/{name}"
        boot = {**asked["boot"], "launcherPidNamespace": self.runtime.launcher_namespace}
        user_data = base64.b64decode(asked["userData"])
        if name in self.instances:
            instance.tell(directory, boot, user_data)
        else:
            record = instance.load(directory)
            if record is None:
                record = instance.create(directory, boot, user_data, mode=self.runtime.mode)
            self.instances[name] = Instance(self.runtime, record, directory)
        reply({})

    def _start(self, one: Instance, reply: Reply) -> None:
        if one.ready or self.ending is not None:
            reply({})
            return
        one.waiting.append(lambda error: reply({"error": error} if error else {}))
        if not one.running:
            one.start_at = time.monotonic()

    def _power(self, one: Instance, what: str, asked: dict[str, Any], reply: Reply) -> None:
        boot_id = one.process.boot_id if one.process else None
        if what == "stop":
            one.stop(force=asked["force"])
        elif what == "reboot" and boot_id is not None and boot_id == asked["fromBootId"]:
            one.reboot(force=asked["force"])
        reply({})

    def _release(self, one: Instance, reply: Reply) -> None:
        def forget(_: str) -> None:
            if one.process is not None:  # this tells of its beginning, not of its end
                one.waiting.append(forget)
                return
            name = os.path.basename(one.directory)
            if self.instances.pop(name, None) is not None:
                instance.remove(one.directory)
            reply({})

        if one.running:
            one.waiting.append(forget)
            one.stop(force=True)
        else:
            forget("")

    def _end(self) -> None:
        """Take all instances down, and then this process."""
        if self.ending is None:
            self.ending = lambda _: None
        if self.tether >= 0 and self.tether in self.selector.get_map():
            self.selector.unregister(self.tether)
        self.kill_at = time.monotonic() + _END_BOUND
        for one in self.instances.values():
            one.stop(force=True)

    def _finish(self, listener: socket.socket) -> None:
        if self.ending is not None:
            self.ending({})
        # Before it is closed: who finds it takes it for ours.
        for path in (self.socket_path, f"{self.socket_path}.old"):
            if os.path.exists(path):
                os.unlink(path)
        listener.close()
        if self.remove:
            instance.remove_tree(self.remove)


def _observed(one: Instance | None) -> dict[str, Any]:
    if one is None:
        return {"power": "gone"}
    if not one.running:
        return {"power": "stopped"}
    return {"power": "running", "bootId": one.process.boot_id if one.process else None}


def prepare_files(state: str, agent: str) -> str:
    """The directory that every instance has a view of: agent, init, shim."""
    here = os.path.dirname(os.path.abspath(__file__))
    files = f"{state}/files"
    shutil.rmtree(files, ignore_errors=True)
    os.makedirs(files, mode=0o755)
    os.chmod(files, 0o755)
    for source, name in (
        (agent, "agent.pyz"),
        (f"{here}/init.py", "init.py"),
        (f"{here}/power.sh", "power.sh"),
    ):
        shutil.copyfile(source, f"{files}/{name}")
        os.chmod(f"{files}/{name}", 0o755)
    return files


def main(arguments: list[str]) -> int:
    state, agent, mode, tether, remove = arguments
    path = f"{state}/supervisor.sock"
    with open(f"{state}/supervisor.lock", "w", encoding="ascii") as lock:
        while not _taken(lock):
            if os.path.exists(path):
                return 0  # another one holds these instances
            time.sleep(_STEP)  # it is about to end
        python, prefix = this_python()
        runtime = Runtime(
            mode=Mode(mode),
            state=state,
            files=prepare_files(state, agent),
            python=python,
            python_prefix=prefix,
            launcher_namespace=os.readlink("/proc/self/ns/pid"),
        )
        if os.path.exists(path):
            os.unlink(path)
        listener = socket.socket(socket.AF_UNIX)
        # The path may be longer than a socket's may be; the name in the working directory is not.
        os.chdir(state)
        listener.bind("supervisor.sock")
        listener.listen(8)
        os.chdir("/")
        Supervisor(runtime, int(tether), remove).main(listener)
    return 0


def _taken(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
