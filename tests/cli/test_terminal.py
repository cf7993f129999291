"""`cloudhand run` where somebody watches and can be asked."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from tests.api.cloud import KEY, Cloud
from tests.cli.test_result import end
from tests.machines import finish, run_on

_BOUND = 30  # seconds


class Terminal:
    """A command on a terminal of its own: what it shows, and what one types."""

    def __init__(self, words: tuple[str, ...], environment: dict[str, str]) -> None:
        ours, theirs = pty.openpty()
        self._ours = ours
        self.shown = ""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cloudhand.cli.main", *words],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environment,
            start_new_session=True,
        )
        os.close(theirs)

    def until(self, text: str) -> None:
        """Read until ``text`` was shown."""
        deadline = time.monotonic() + _BOUND
        while text not in self.shown:
            assert time.monotonic() < deadline, f"{text!r} not in {self.shown!r}"
            assert self._read(), f"{text!r} not in {self.shown!r}"

    def _read(self) -> bool:
        ready, _, _ = select.select([self._ours], [], [], _BOUND)
        try:
            part = os.read(self._ours, 65536) if ready else b""
        except OSError:  # everybody on the other side has gone
            return False
        self.shown += part.decode("utf-8", "replace")
        return bool(part)

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def end(self) -> int:
        while self._read():
            pass
        return self.process.wait(_BOUND)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._ours)


class Open:
    def __init__(self, it: Cloud, home: str) -> None:
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": home,
            "TERM": "xterm",
            "CLOUDHAND_ENDPOINT": f"http://{it.endpoint}",
            "ALIBABA_CLOUD_ACCESS_KEY_ID": KEY.id,
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET": KEY.secret,
        }
        self._opened: list[Terminal] = []

    def __call__(self, *words: str, **environment: str) -> Terminal:
        terminal = Terminal(words, {**self._environment, **environment})
        self._opened.append(terminal)
        return terminal

    def close(self) -> None:
        for terminal in self._opened:
            terminal.close()


@pytest.fixture
def terminal(it: Cloud, tmp_path: object) -> Iterator[Open]:
    opener = Open(it, str(tmp_path))
    yield opener
    opener.close()


def test_the_number_of_machines_is_the_answer(it: Cloud, terminal: Open) -> None:
    it.instances(2)

    shown = terminal("run", "--all", "--", "true")
    shown.until("Type the number of machines to go on: ")
    shown.type("2\n")

    assert shown.end() == 0
    assert "2 x Success exit 0" in shown.shown


def test_another_answer_runs_nothing(it: Cloud, terminal: Open) -> None:
    (instance_id,) = it.instances()

    shown = terminal("run", "--", "exit 194")
    shown.until("restarts 1 machine")
    shown.type("y\n")

    assert shown.end() == 1
    assert "you typed y, not 1: nothing was run" in shown.shown
    assert not it.world.machine(instance_id).ever_started


def test_whoever_interrupts_the_question_has_run_nothing(it: Cloud, terminal: Open) -> None:
    (instance_id,) = it.instances()

    shown = terminal("run", "--", "exit 194")
    shown.until("go on: ")
    shown.process.send_signal(signal.SIGINT)

    assert shown.end() == 130
    assert "Interrupted: nothing was run." in shown.shown
    assert not it.world.machine(instance_id).ever_started


def test_who_keeps_one_waiting_is_named_with_the_reason_and_the_end(
    it: Cloud, terminal: Open
) -> None:
    away, down = it.instances(2)
    it.world.machines.behave = run_on
    it.world.machine(away).connected = False

    shown = terminal("run", "--all", "--yes", "--", "sleep 100")
    shown.until("Running")
    it.do(lambda world: world.control.agents.went(away, for_good=True))
    it.world.machines.power_off(down)
    it.advance(seconds=11)
    shown.until(f"Waiting for {down}: it is Stopped; until ")
    shown.until(f"Waiting for {away}: its agent is offline, last heartbeat")
    shown.process.send_signal(signal.SIGINT)
    shown.until("[s/L] ")
    shown.type("\n")

    assert shown.end() == 130
    # An interruption may have a terminal's library write again what it has just written.
    told = " ".join(shown.shown.split())
    assert len(set(re.findall(r"Waiting for [^;]*; until \d\d:\d\d:\d\d UTC at most", told))) == 2


def test_what_runs_is_shown_in_a_table_that_goes_away(it: Cloud, terminal: Open) -> None:
    (instance_id,) = it.instances()
    it.world.machines.behave = run_on

    shown = terminal("run", "--", "sleep 100")
    shown.until("Running")
    machine = it.world.machine(instance_id)
    (task_id,) = machine.running
    it.do(lambda world: world.machines.end(machine, finish(machine.running[task_id], 0, b"hi\n")))

    assert shown.end() == 0
    assert "Success exit 0" in shown.shown


@pytest.mark.parametrize(("answer", "ends"), [("what?\ns\n", True), ("\n", False)])
def test_ctrl_c_asks_whether_to_stop_or_to_leave(
    it: Cloud, terminal: Open, answer: str, ends: bool
) -> None:
    (instance_id,) = it.instances()
    it.world.machines.behave = run_on

    shown = terminal("run", "--", "sleep 100")
    shown.until("Running")
    shown.process.send_signal(signal.SIGINT)
    shown.until("[s/L] ")
    shown.type(answer)

    assert shown.end() == 130
    assert shown.shown.count("[s/L] ") == answer.count("\n")
    assert ("is being stopped" if ends else "--follow` shows its result") in shown.shown
    it.do(lambda world: world.settle())
    assert bool(it.world.machine(instance_id).running) is not ends
    assert re.search(r"t-\S+", shown.shown)


def test_who_waits_for_a_restart_is_told_until_when(it: Cloud, terminal: Open) -> None:
    (instance_id,) = it.instances()
    it.world.machines.behave = run_on
    it.world.machines.failing.add("reboot")

    shown = terminal("run", "--yes", "--", "exit 194")
    shown.until("Running")
    end(it, instance_id, 194)
    shown.until("UTC at most")
    shown.process.send_signal(signal.SIGINT)

    assert shown.end() == 130
    assert re.search(rf"Waiting for .*{instance_id} to restart, until \d\d:", shown.shown)
    assert "[s/L]" not in shown.shown
    it.world.machines.failing.clear()
    it.advance(seconds=20)
