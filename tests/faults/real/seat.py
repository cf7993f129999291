"""A machine without namespaces: what of one its agent sees, and what a test may do to it.

It has a state directory, a boot id and a power command of its own. Its agent is a real process,
which is started again when it dies, as a service manager would; and when the machine goes down
everything of it is killed.
"""

from __future__ import annotations

import os
import queue
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.faults.disk import Disk
from tests.faults.real.host import Caller, marked, pause, wait_for
from tests.faults.real.link import Link

_GOES_DOWN = 0.25  # seconds between the order and the end of everything
_ASKED_TO_END = 0.3  # seconds that processes have after the polite signal
_STARTS_AGAIN = 0.2  # seconds after which a service manager does
_ONLINE_WITHIN = 150.0  # seconds; the control plane may be killed again and again meanwhile


@dataclass(frozen=True)
class _Ended:
    process: subprocess.Popen[bytes]


@dataclass(frozen=True)
class _Order:
    kind: str  # stop, restart, cut or close
    done: threading.Event


class Seat:
    def __init__(
        self, root: Path, *, agent: Path, power: Path, link: Link, disk: Disk | None
    ) -> None:
        """``agent``: a program that asks at each point; ``disk``: of its state directory."""
        self.root = root
        self.name = root.name
        self.id = ""  # that the control plane knows it by
        self.link = link
        self.disk = disk
        self.on = False
        self.polite = False  # whether it tells its processes before it kills them
        self.before_down: Callable[[], object] = lambda: None
        self.boots: list[str] = []
        self.asked: list[str] = []  # each time that somebody asked it to stop or to restart
        self.cuts = 0
        self.orders = 0  # that are not carried out yet
        self.chance = random.Random(0)
        self.process: subprocess.Popen[bytes] | None = None
        self._agent, self._power = agent, power
        self._closing = False
        self._booted = 0
        self._events: queue.Queue[_Ended | _Order] = queue.Queue()
        self._thread = threading.Thread(target=self._live, name=self.name, daemon=True)
        self._thread.start()

    @property
    def state(self) -> Path:
        return self.root / "state"

    @property
    def mark(self) -> str:
        """Of all its processes; no other seat of this machine has the same."""
        return f"CLOUDHAND_TEST_SEAT={self.root}"

    @property
    def tasks(self) -> list[str]:
        """What its agent has not seen to the end yet."""
        try:
            if self.disk is not None:
                return os.listdir(self.disk.seen / "tasks")
            return os.listdir(self.state / "tasks")
        except OSError:
            return []

    def inside(self, name: str) -> str:
        """Where its scripts find a file that outlives its boots."""
        return str(self.root / name)

    def outside(self, name: str) -> Path:
        """Where we find it."""
        return self.root / name

    def forget(self, chance: random.Random) -> None:
        """What was seen of it so far; a run begins."""
        self.boots[:] = self.boots[-1:]
        self.asked.clear()
        self.cuts = 0
        self.chance, self.polite = chance, chance.random() < 0.5

    def join(self, caller: Caller, pyz: Path) -> None:
        made = caller.call("CreateActivation", InstanceCount=1)
        given = (
            f"--server={self.link.url}",
            f"--activation-id={made['ActivationId']}",
            f"--activation-code={made['ActivationCode']}",
            f"--state={self.state}",
            f"--machine-id={self.name}",
        )
        words = [*self._inside, sys.executable, "-S", "-E", str(pyz), "register", *given]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
        self.id = done.stdout.split()[-1]
        if self.disk is not None:  # the power is on for long before anything happens
            self.disk.put(self.disk.medium.image())

    def boot(self) -> None:
        self._booted += 1
        self.boots.append(f"{self.name}-boot-{self._booted}")
        self.on = True
        self._start()

    def boot_by_hand(self, _: Caller) -> None:
        """Once it has stopped."""
        self.boot()

    def online(self) -> bool:
        """Wait for its agent to have a channel that carries."""
        return wait_for(lambda: self.link.channels > 0 and self.on, _ONLINE_WITHIN)

    def ordered(self, kind: str) -> None:
        """Somebody has asked it to stop or to restart."""
        self.asked.append(kind)
        self.orders += 1
        self._events.put(_Order(kind, threading.Event()))

    def cut(self) -> None:
        """Cut its power, and give it back; returns when all of it is dead."""
        order = _Order("cut", threading.Event())
        self.orders += 1
        self._events.put(order)
        assert order.done.wait(30)

    def kill_agent(self, *, with_holders: bool) -> None:
        assert self.process is not None
        pid = self.process.pid
        with suppress(OSError):  # it has ended by itself
            if with_holders:
                children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
                for child in children.split():
                    os.kill(int(child), signal.SIGKILL)
            os.kill(pid, signal.SIGKILL)

    def close(self) -> None:
        order = _Order("close", threading.Event())
        self._closing = True
        self.orders += 1
        self._events.put(order)
        assert order.done.wait(30)
        self._thread.join(10)
        self.link.close()
        if self.disk is not None:
            self.disk.close()

    @property
    def _inside(self) -> tuple[str, ...]:
        return self.disk.inside if self.disk is not None else ()

    def _start(self) -> None:
        words = ["run", f"--state={self.state}", f"--power-command={self._power}"]
        environment = {
            "PATH": os.environ["PATH"],
            "CLOUDHAND_BOOT_ID": self.boots[-1],
            "CLOUDHAND_TEST_SEAT": str(self.root),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        with (self.root / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*self._inside, sys.executable, "-S", "-E", str(self._agent), *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
            )
        threading.Thread(target=self._watch, args=(self.process,), daemon=True).start()

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        process.wait()
        self._events.put(_Ended(process))

    def _live(self) -> None:
        while True:
            event = self._events.get()
            if isinstance(event, _Ended):
                if self.on and event.process is self.process and not self._closing:
                    pause(_STARTS_AGAIN)
                    self._start()
                continue
            if event.kind in ("stop", "restart") and self.on:
                self._go_down(event.kind)
            elif event.kind == "cut" and self.on:
                self._lose_power(event.done)
            event.done.set()
            self.orders -= 1
            if event.kind == "close":
                self.on = False
                self._kill_all()
                return

    def _go_down(self, kind: str) -> None:
        self.before_down()
        pause(_GOES_DOWN)
        self.on = False
        if self.polite:
            for pid in marked(self.mark):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
            pause(_ASKED_TO_END)
        self._kill_all()
        if self.disk is not None:
            self.disk.put(self.disk.medium.image())  # who goes down in order writes it all
        if kind == "restart":
            self.boot()

    def _lose_power(self, done: threading.Event) -> None:
        self.on = False
        self.cuts += 1
        self._kill_all()
        if self.disk is not None:
            self.disk.cut(self.chance)
        done.set()
        pause(_STARTS_AGAIN)
        self.boot()

    def _kill_all(self) -> None:
        deadline = time.monotonic() + 20
        while left := marked(self.mark):
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            assert time.monotonic() < deadline, f"{left} cannot be killed"
            pause(0.005)
        if self.process is not None:
            self.process.wait(10)
