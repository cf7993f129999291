"""A place of a test's own to run `cloudhand` in, and control planes that are started there."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import IO, Any
from urllib.request import urlopen

from cloudhand.cli import fleet, follow
from cloudhand.cli.client import Client
from cloudhand.cli.endpoint import find_endpoint
from cloudhand.cli.follow import Result
from cloudhand.providers.sandbox import probe
from tests.system import processes
from tests.system.waiting import until

_BOUND = 60.0  # seconds

Child = subprocess.Popen[str]


@cache
def mode_options() -> tuple[str, ...]:
    """What `up` and `serve` need here; root has to ask for plain processes by name."""
    if os.environ.get("CLOUDHAND_TEST_PLAIN"):
        return ("--plain-processes",)
    try:
        probe.probe(plain_processes=False)
    except probe.ProbeError:
        return ("--plain-processes",)
    return ()


@dataclass
class Place:
    """Home, temporary directory and environment for programs, and the programs themselves."""

    root: Path
    python: str = sys.executable
    extra: Mapping[str, str] = field(default_factory=dict)  # more environment
    user: int | None = None  # to run them as; None: who we are
    program: tuple[str, ...] = ("-m", "cloudhand.cli.main")  # what Python is given
    children: list[Child] = field(default_factory=list)

    @property
    def cloudhand(self) -> tuple[str, ...]:
        return (self.python, *self.program)

    @property
    def temporary(self) -> Path:
        return self.root / "tmp"

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.root / "home"),
            "TMPDIR": str(self.temporary),
            "XDG_RUNTIME_DIR": str(self.root / "runtime"),
            "PYTHONDONTWRITEBYTECODE": "1",
            **self.extra,
        }

    def start(
        self, *words: str, env: Mapping[str, str] | None = None, **options: Any
    ) -> subprocess.Popen[str]:
        """Start `cloudhand` with these words."""
        return self.start_program([*self.cloudhand, *words], env=env, **options)

    def start_program(
        self, words: Sequence[str], *, env: Mapping[str, str] | None = None, **options: Any
    ) -> subprocess.Popen[str]:
        given = {
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "preexec_fn": processes.hear_all,
            **options,
        }
        if self.user is not None:
            given.update(user=self.user, group=self.user, extra_groups=[])
        child = subprocess.Popen(
            list(words),
            env={**self.environment, **(env or {})},
            text=True,
            cwd=self.root,
            start_new_session=True,
            **given,
        )
        self.children.append(child)
        return child

    def run(self, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run `cloudhand` with these words to its end."""
        return ended(self.start(*words, **options))

    def close(self) -> None:
        for child in self.children:
            if child.poll() is None:
                child.kill()
            child.wait()
            for stream in (child.stdin, child.stdout, child.stderr):
                if stream is not None:
                    stream.close()


def ended(child: Child) -> subprocess.CompletedProcess[str]:
    """What a child said once it has ended."""
    out, err = child.communicate(timeout=_BOUND)
    return subprocess.CompletedProcess(child.args, child.returncode, out, err)


def line(child: Child) -> str:
    """The next line that a child says; empty at its end."""
    stream = child.stdout
    assert stream is not None
    # Nothing is read ahead of the line, so what select sees is what there is.
    return _line(stream)


def error_line(child: Child) -> str:
    """The next line that a child says on standard error."""
    assert child.stderr is not None
    return _line(child.stderr)


def _line(stream: IO[str]) -> str:
    told = b""
    while not told.endswith(b"\n"):
        ready, _, _ = select.select([stream], [], [], _BOUND)
        assert ready, f"it said nothing after {told!r}"
        byte = os.read(stream.fileno(), 1)
        if not byte:
            break
        told += byte
    return told.decode()


def lines_until(child: Child, part: str) -> list[str]:
    """The lines that a child says, to the first that has this part."""
    return _lines_until(line, child, part)


def error_lines_until(child: Child, part: str) -> list[str]:
    """The same of standard error."""
    return _lines_until(error_line, child, part)


def _lines_until(say: Callable[[Child], str], child: Child, part: str) -> list[str]:
    told: list[str] = []
    while not told or part not in told[-1]:
        said = say(child)
        assert said, f"it ended after {told}"
        told.append(said)
    return told


@contextmanager
def place(root: Path, *, adopts: bool = True, **options: Any) -> Iterator[Place]:
    """Leaves no process, mount or temporary file behind, or fails.

    Who ``adopts`` sees what lost its parent as well; nobody else may wait for such orphans then.
    """
    one = Place(root, **options)
    for name in ("home", "tmp", "runtime"):
        (root / name).mkdir(parents=True, mode=0o700)
        if one.user is not None:
            os.chown(root / name, one.user, one.user)
    mounts = Path("/proc/self/mountinfo").read_text()
    present = set(processes.below(os.getpid()))
    with processes.orphans_adopted() if adopts else nullcontext():
        try:
            yield one
            until(lambda: not _left(present), at_most=10, what=f"the end of {_left(present)}")
        finally:
            for pid in _left(present):
                os.kill(pid, signal.SIGKILL)
            one.close()
            until(lambda: not _left(present), what="the end of what was killed")
            if adopts:
                processes.bury_orphans()
    assert Path("/proc/self/mountinfo").read_text() == mounts
    assert list(one.temporary.iterdir()) == []


def _left(present: set[int]) -> dict[int, tuple[str, ...]]:
    """What runs below us now and did not, nor descends from what did."""
    kept = present.union(*(processes.below(pid) for pid in present))
    return {
        pid: found.words for pid, found in processes.below(os.getpid()).items() if pid not in kept
    }


class Plane:
    """A control plane as `cloudhand serve` runs it, on a state directory that outlives it."""

    def __init__(self, place: Place, *options: str) -> None:
        self.place = place
        self.state = place.root / "state"
        self.options = options
        self.process: Child | None = None
        self._client: Client | None = None

    def start(self) -> None:
        words = ["serve", "--state", str(self.state), "--listen", "127.0.0.1:0", *self.options]
        log = (self.place.root / "serve.log").open("a")
        with log:
            self.process = self.place.start(*words, *mode_options(), stderr=log)
        lines_until(self.process, "access key")

    @property
    def client(self) -> Client:
        if self._client is None:
            self._client = Client(find_endpoint(self.state))
        return self._client

    def call(self, action: str, **parameters: object) -> dict[str, Any]:
        return self.client.call(action, parameters)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(_BOUND)
        self.hang_up()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """As a service manager would; the exit code."""
        assert self.process is not None
        self.hang_up()
        self.process.send_signal(number)
        return self.process.wait(_BOUND)

    def hang_up(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def supervisors(self) -> list[int]:
        """Of all accounts."""
        homes = (self.state / "sandbox", *self.state.glob("accounts/*/sandbox"))
        name = "cloudhand.providers.sandbox.supervisor"
        return [pid for home in homes for pid in processes.naming(name, str(home))]

    def end(self) -> None:
        """End everything, the instances too."""
        self.hang_up()
        if self.process is not None and self.process.poll() is None:
            overdue = self._overdue()
            self.stop()
            # Whatever a test was about, nothing may stand still without an owner.
            assert overdue == 0
        for pid in self.supervisors():
            os.kill(pid, signal.SIGTERM)
        until(lambda: not self.supervisors(), what="the supervisor's end")

    def _overdue(self) -> int:
        """As /healthz has it; 0 where that is behind a certificate of its own."""
        endpoint = find_endpoint(self.state)
        if endpoint.url.startswith("https:"):
            return 0
        with urlopen(f"{endpoint.url}/healthz", timeout=_BOUND) as answer:
            said = dict(line.split() for line in answer.read().decode().splitlines() if " " in line)
        return int(said["overdue"])

    def instances(self, count: int = 1) -> list[str]:
        """New instances, Running and online."""
        answer = self.call("RunInstances", Amount=count)
        ids: list[str] = answer["InstanceIdSets"]["InstanceIdSet"]
        self.wait(ids)
        return sorted(ids)

    def wait(self, ids: Sequence[str], status: str = "Running") -> None:
        fleet.wait(self.client, ids, status, at_most=_BOUND)

    def release(self, ids: Sequence[str]) -> None:
        self.call("DeleteInstances", InstanceId=list(ids), Force="true")

    def ask(self, ids: Sequence[str], script: str, **parameters: object) -> str:
        """Have a script run; the id of the invocation."""
        order = {"Type": "RunShellScript", "CommandContent": script, "InstanceId": list(ids)}
        invoke_id: str = self.call("RunCommand", **order, **parameters)["InvokeId"]
        return invoke_id

    def settled(self, invoke_id: str) -> list[Result]:
        return follow.settled(self.client, invoke_id)

    def run(self, instance_id: str, script: str, **parameters: object) -> Result:
        """Have a script run on one instance, to its end and that of its power action."""
        (result,) = self.settled(self.ask([instance_id], script, **parameters))
        return result

    def boot_id(self, instance_id: str) -> str:
        """As the machine itself sees it."""
        return self.run(instance_id, SHOW_BOOT_ID).output.decode().strip()


# A plain process has the machine's /proc; its boot id is told by its environment.
SHOW_BOOT_ID = 'echo "${CLOUDHAND_BOOT_ID:-$(cat /proc/sys/kernel/random/boot_id)}"'
