"""One boot after another of one instance: start, signals, and what its end means."""

from __future__ import annotations

import json
import os
import signal
import time
import uuid
from collections.abc import Callable, Iterable
from typing import NamedTuple

from cloudhand.providers.sandbox import init, instance, launcher, plain
from cloudhand.providers.sandbox.plan import Launch, Mode, Runtime

_CONSOLE_LIMIT = 1024 * 1024  # bytes that a console log has at most when a boot begins
_LOOP_BOOTS, _LOOP_SPAN = 10, 10.0  # so many boots in so many seconds are a loop
_LOOP_DELAY = 5.0  # seconds before the next boot of a loop


class Process(NamedTuple):
    """A boot that was begun."""

    boot_id: str
    launcher_pid: int


class Instance:
    """What the supervisor knows of one instance. The directory is the truth; this is not kept."""

    def __init__(self, runtime: Runtime, record: instance.Record, directory: str) -> None:
        self.runtime = runtime
        self.record = record
        self.directory = directory
        self.process: Process | None = None
        self.report: int | None = None  # reading end of the launcher's pipe, until it closes
        self.pid = 0  # of its init; 0 until the launcher has told
        self.ready = False  # its init runs
        self.error = ""  # why the last start failed
        self.restart = False  # when the boot that runs ends, the next begins, however it ends
        self.off = False  # the contrary: a stop was asked for, and outlasts a restart under way
        self.start_at = 0.0  # when a boot that is held back begins; 0: none is
        self._heard = b""
        self._owed = 0  # a signal for the init, as soon as it can hear
        self._cut = False  # it was killed while its launcher was at work, which will complain
        self._begun: list[float] = []
        self.waiting: list[Callable[[str], None]] = []  # called with an error or an empty text

    @property
    def running(self) -> bool:
        return self.process is not None or bool(self.start_at)

    def start(self, hidden: dict[str, list[str]], alive: int) -> None:
        """Begin a boot. ``alive`` hangs up when the supervisor is gone. OSError."""
        self.start_at = 0.0
        self.pid, self.ready, self.error = 0, False, ""
        self.restart, self.off, self._owed, self._cut = False, False, 0, False
        self._heard = b""
        now = time.monotonic()
        self._begun = [moment for moment in self._begun if now - moment < _LOOP_SPAN] + [now]
        boot_id = str(uuid.uuid4())
        self.record = instance.named(self.directory, self.record, mode=self.runtime.mode)
        reading, writing = os.pipe()
        console = self._console()
        launch = Launch(
            directory=self.directory,
            hostname=self.record.hostname,
            boot_id=boot_id,
            base=self.record.base,
            hidden=hidden,
            command=None,
            console=console,
            alive=alive,
        )
        pid = fork_launcher(self.runtime, launch, writing)
        os.close(writing)
        os.close(console)
        os.set_blocking(reading, False)
        self.process, self.report = Process(boot_id, pid), reading

    def _console(self) -> int:
        path = f"{self.directory}/console.log"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        if os.fstat(descriptor).st_size > _CONSOLE_LIMIT:
            os.ftruncate(descriptor, 0)
        return descriptor

    def hear(self) -> bool:
        """Read what the launcher says; False when it has said all, and the pipe is closed."""
        assert self.report is not None
        try:
            data = os.read(self.report, 65536)
        except BlockingIOError:
            return True
        *lines, self._heard = (self._heard + data).split(b"\n")
        for line in lines:
            message = json.loads(line)
            self.pid = message.get("pid", self.pid)
            self.error = message.get("error", self.error)
        if data:
            return True
        os.close(self.report)
        self.report = None
        self.ready = not self.error and bool(self.pid)
        if self._cut:
            self.error = ""
        if self.ready and self._owed:
            self._send(self._owed)
        self.tell()
        return False

    def tell(self) -> None:
        """Answer all who wait for a boot to begin or to end."""
        waiting, self.waiting = self.waiting, []
        for call in waiting:
            call(self.error)

    def stop(self, *, force: bool) -> None:
        self.start_at = 0.0
        self.restart, self.off = False, True
        if self.process is None:
            self.tell()  # it was about to start, and now is not
        self._signal(signal.SIGQUIT if force else signal.SIGUSR2, force=force)

    def kill(self) -> None:
        """End it even if its init does not answer; `ended` then sweeps up."""
        self.start_at, self.restart, self.off = 0.0, False, True
        if self.pid:
            self._send(signal.SIGKILL)

    def reboot(self, *, force: bool) -> None:
        self.restart, self.off = True, False
        self._signal(signal.SIGINT if force else signal.SIGTERM, force=force)

    def _signal(self, number: int, *, force: bool) -> None:
        # Only plain processes need their init to end the others; a namespace ends as one.
        if force and self.runtime.mode is not Mode.PROCESSES:
            number = signal.SIGKILL
        if self.ready or (self.pid and number == signal.SIGKILL):
            self._send(number)
        else:
            # The first process of a namespace hears nothing else before it waits for it.
            self._owed = number

    def _send(self, number: int) -> None:
        self._cut = self._cut or (number == signal.SIGKILL and not self.ready)
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            pass  # it has ended; its status tells how

    def ended(self, status: int) -> None:
        """Its init has ended with a wait status: decide what comes next."""
        restart = not self.off and (self.restart or _restarts(status))
        self._sweep()
        self.process, self.pid, self.ready = None, 0, False
        self.tell()
        if restart and not self.error:
            looping = len(self._begun) >= _LOOP_BOOTS
            self.start_at = time.monotonic() + (_LOOP_DELAY if looping else 0.0)

    def _sweep(self) -> None:
        """End what a plain init that was killed has left behind."""
        if self.runtime.mode is Mode.PROCESSES and self.process is not None:
            kill_marked(f"CLOUDHAND_BOOT_ID={self.process.boot_id}".encode())


def fork_launcher(runtime: Runtime, launch: Launch, report: int) -> int:
    """A launcher in a fork; its pid, which with plain processes is that of the init."""
    pid = os.fork()
    if not pid:
        signal.set_wakeup_fd(-1)
        begin = plain.run if runtime.mode is Mode.PROCESSES else launcher.run
        begin(runtime, launch, report)
    return pid


def _restarts(status: int) -> bool:
    """How reboot(2) in a PID namespace, or our init, says that it is to boot again."""
    if os.WIFSIGNALED(status):
        return os.WTERMSIG(status) == signal.SIGHUP
    return os.WEXITSTATUS(status) == init.RESTART_EXIT


def kill_marked(mark: bytes) -> None:
    """Kill every process that has this in its environment, until none is found."""
    for _ in range(20):
        found = list(_marked(mark))
        for pid in found:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue  # it ended meanwhile
        if not found:
            return
        time.sleep(0.01)


def _marked(mark: bytes) -> Iterable[int]:
    for name in os.listdir("/proc"):
        if not name.isdecimal() or int(name) == os.getpid():
            continue
        try:
            with open(f"/proc/{name}/environ", "rb") as file:
                if mark in file.read().split(b"\0"):
                    yield int(name)
        except OSError:
            continue  # it ended meanwhile, or is not ours
