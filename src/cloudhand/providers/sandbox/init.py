"""The first process of an instance: starts the agent, reaps, and takes the instance down.

A file of its own that runs alone with the standard library. It speaks by signals, as busybox's
init does: TERM restarts, USR1 and USR2 power off, INT and QUIT do the same without grace, HUP
rereads the schedule that ``shutdown +MINUTES`` wrote. PWR says that the supervisor ended. How it
ends tells the supervisor what comes next: RESTART_EXIT or POWER_OFF_EXIT.
"""

from __future__ import annotations

import os
import signal
import sys
import time

RESTART_EXIT = 81
POWER_OFF_EXIT = 82
NO_NAMESPACE = "-"  # instead of the launcher's PID namespace: this instance is plain processes
# The launcher blocks these before it executes us, so that none is lost while we start.
SIGNALS = frozenset(
    getattr(signal, f"SIG{name}")
    for name in ("CHLD", "TERM", "USR1", "USR2", "INT", "QUIT", "HUP", "PWR")
)

_GRACE = 1.0  # seconds between asking everything to end and ending it
_LOOK_EVERY = 0.02  # seconds, meanwhile
_LASTED = 10.0  # an agent that ran so long starts again without delay
_FIRST_DELAY, _LAST_DELAY = 0.1, 10.0
_ENDINGS: dict[int, tuple[int, float]] = {  # signal: exit code, grace
    signal.SIGTERM: (RESTART_EXIT, _GRACE),
    signal.SIGINT: (RESTART_EXIT, 0.0),
    signal.SIGUSR1: (POWER_OFF_EXIT, _GRACE),
    signal.SIGUSR2: (POWER_OFF_EXIT, _GRACE),
    signal.SIGQUIT: (POWER_OFF_EXIT, 0.0),
    signal.SIGPWR: (POWER_OFF_EXIT, 0.0),
}
_SCHEDULED = {"reboot": signal.SIGTERM, "poweroff": signal.SIGUSR2, "halt": signal.SIGUSR2}
SHIMS = ("halt", "init", "poweroff", "reboot", "shutdown", "systemctl", "telinit")
_SHIM_DIRECTORIES = ("/usr/sbin", "/usr/bin", "/sbin", "/bin")


class Init:
    """``run`` holds what the launcher gave for this boot, ``kept`` what lasts over boots."""

    def __init__(self, run: str, kept: str, log: str, agent: list[str]) -> None:
        self.run = run
        self.kept = kept
        self.log = log
        self.agent = agent
        self.agent_pid: int | None = None
        self.delay = _FIRST_DELAY
        self.started_at = 0.0
        self.start_at = time.monotonic()
        self.due: tuple[float, int] | None = None  # moment and signal of a scheduled shutdown

    def main(self) -> int:
        """Run until a signal says how to end; its exit code."""
        self.run_user_data()
        while True:
            self.start_agent()
            number = self.wait()
            if number == signal.SIGCHLD:
                self.reap()
            elif number == signal.SIGHUP:
                self.read_schedule()
            elif number in _ENDINGS:
                code, grace = _ENDINGS[number]
                say("restarting" if code == RESTART_EXIT else "powering off")
                end_all(grace)
                return code

    def wait(self) -> int | None:
        """The next signal, or None when something is due."""
        moments = [] if self.agent_pid else [self.start_at]
        if self.due:
            moments.append(self.due[0])
        if not moments:
            return signal.sigwaitinfo(SIGNALS).si_signo
        rest = max(0.0, min(moments) - time.monotonic())
        info = signal.sigtimedwait(SIGNALS, rest)
        if info:
            return info.si_signo
        if self.due and time.monotonic() >= self.due[0]:
            return self.due[1]
        return None

    def start_agent(self) -> None:
        if self.agent_pid or time.monotonic() < self.start_at:
            return
        self.started_at = time.monotonic()
        self.agent_pid = spawn(self.agent, 2)
        if not self.agent_pid:
            self.delay_agent()

    def reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            if pid == self.agent_pid:
                self.agent_ended(os.waitstatus_to_exitcode(status))

    def agent_ended(self, code: int) -> None:
        self.agent_pid = None
        if time.monotonic() - self.started_at >= _LASTED:
            self.delay = _FIRST_DELAY
        say(f"the agent ended with {code}; starts again in {self.delay:.1f} s")
        self.delay_agent()

    def delay_agent(self) -> None:
        self.start_at = time.monotonic() + self.delay
        self.delay = min(self.delay * 2, _LAST_DELAY)

    def read_schedule(self) -> None:
        self.due = None
        try:
            with open(f"{self.run}/schedule", encoding="ascii") as file:
                minutes, _, verb = file.read().strip().partition(" ")
        except OSError:
            return
        if verb in _SCHEDULED and minutes.isdecimal():
            self.due = (time.monotonic() + 60 * int(minutes), _SCHEDULED[verb])

    def run_user_data(self) -> None:
        """Start the user data script in the first boot, and never again."""
        script = f"{self.run}/user-data"
        if not os.path.exists(script):
            return
        try:
            os.makedirs(self.kept, exist_ok=True)
            os.makedirs(os.path.dirname(self.log), exist_ok=True)
            # Noted before the start: a script that restarts the machine must not do so for ever.
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            os.close(os.open(f"{self.kept}/user-data.started", flags))
            log = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        except FileExistsError:
            return
        except OSError as error:
            say(f"the user data cannot run: {error}")
            return
        spawn([script], log)
        os.close(log)


def spawn(command: list[str], output: int) -> int | None:
    """Start a program in a session of its own; None, and a line on the console, if it cannot."""
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, output, 1),
        (os.POSIX_SPAWN_DUP2, output, 2),
    ]
    try:
        return os.posix_spawn(
            command[0],
            command,
            os.environ,
            file_actions=actions,
            setsid=True,
            setsigmask=(),
            setsigdef=(signal.SIGPIPE, signal.SIGXFSZ),
        )
    except OSError as error:
        say(f"cannot start {command[0]}: {error}")
        return None


def end_all(grace: float) -> None:
    """End all our descendants. It never signals by a broad name: in the wrong place that would
    hit the machine.
    """
    deadline = time.monotonic() + grace
    asked: set[int] = set()
    while grace:
        # Again and again: what was started meanwhile has to be asked as well.
        # Who watches a script goes before it, and cannot take its end for the script's own.
        for pid in descendants():
            if pid not in asked:
                send(pid, signal.SIGTERM)
                asked.add(pid)
        rest = deadline - time.monotonic()
        if reap_all() or rest <= 0:
            break
        signal.sigtimedwait({signal.SIGCHLD}, min(rest, _LOOK_EVERY))
    # Stopped before they are killed, so that none can start another meanwhile.
    stopped: set[int] = set()
    while set(descendants()) - stopped:
        for pid in descendants():
            send(pid, signal.SIGSTOP)
            stopped.add(pid)
    while True:
        for pid in descendants():
            send(pid, signal.SIGKILL)
        if reap_all():
            return
        signal.sigtimedwait({signal.SIGCHLD}, 0.1)


def reap_all() -> bool:
    """Whether no child is left."""
    while True:
        try:
            if not os.waitpid(-1, os.WNOHANG)[0]:
                return False
        except ChildProcessError:
            return True


def descendants() -> list[int]:
    """Pids of all that we started and that they started. Orphans become our children."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdecimal():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    fields = file.read().rpartition(b")")[2].split()
            except OSError:
                continue
            if fields[0] not in (b"Z", b"X"):
                children.setdefault(int(fields[1]), []).append(int(name))
    found: list[int] = []
    todo = [os.getpid()]
    while todo:
        below = children.get(todo.pop(), [])
        found += below
        todo += below
    return found


def send(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except OSError:
        pass  # it ended meanwhile


def install_shims(run: str) -> None:
    """Let the power tools, called by any path, ask us; a package may have brought others."""
    target = f"{run}/power"
    for directory in _SHIM_DIRECTORIES:
        if os.path.islink(directory) or not os.path.isdir(directory):
            continue
        for name in SHIMS:
            try:
                replace_by_link(f"{directory}/{name}", target)
            except OSError as error:
                say(f"cannot replace {directory}/{name}: {error}")


def replace_by_link(path: str, target: str) -> None:
    if os.path.islink(path) and os.readlink(path) == target:
        return
    part = f"{path}.cloudhand"
    if os.path.lexists(part):
        os.unlink(part)
    os.symlink(target, part)
    os.rename(part, path)


def refusal(launcher_namespace: str) -> str | None:
    """Why we must not run here; None if we may."""
    if launcher_namespace == NO_NAMESPACE:
        return None
    if os.getpid() != 1:
        return "is not the first process of a PID namespace"
    if os.readlink("/proc/self/ns/pid") == launcher_namespace:
        return "is in the PID namespace of its launcher"
    return None


def say(text: str) -> None:
    sys.stderr.write(f"init: {text}\n")
    sys.stderr.flush()


def main() -> None:
    launcher_namespace, run, kept, log, *agent = sys.argv[1:]
    why_not = refusal(launcher_namespace)
    if why_not:
        sys.exit(f"init {why_not}: refused")
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    if launcher_namespace != NO_NAMESPACE:
        install_shims(run)
    os._exit(Init(run, kept, log, agent).main())


if __name__ == "__main__":
    main()
