"""The child in the foreground: its end, its signals, its terminal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from cloudhand.passage import run
from tests.system.processes import hear_all

RUNNER = """
import os, sys
from cloudhand import passage
sys.exit(passage.run(sys.argv[1:], os.environ))
"""

# Counts what it hears; SIGTERM makes it tell, and end. A signal may come while it speaks, which
# print() does not bear.
LISTENER = """
import os, signal, sys
heard = []
def say(*words):
    os.write(1, (" ".join(words) + "\\n").encode())
def hear(number, frame):
    heard.append(signal.Signals(number).name)
    say("heard", heard[-1])
for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
    signal.signal(number, hear)
def end(number, frame):
    say("all", *heard)
    sys.exit(5)
signal.signal(signal.SIGTERM, end)
signal.signal(signal.SIGCONT, lambda *_: say("goes on"))
say("ready")
while True:
    signal.pause()
"""

# The least of a shell with job control: one job in the foreground, started again when it stops.
SHELL = """
import fcntl, os, signal, subprocess, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
job = subprocess.Popen(sys.argv[1:], process_group=0)
os.tcsetpgrp(0, job.pid)
print("job", job.pid, flush=True)
while True:
    _, status = os.waitpid(job.pid, os.WUNTRACED)
    if not os.WIFSTOPPED(status):
        break
    os.tcsetpgrp(0, os.getpgrp())
    print("stopped", flush=True)
    os.tcsetpgrp(0, job.pid)
    os.killpg(job.pid, signal.SIGCONT)
print("ended", os.waitstatus_to_exitcode(status), flush=True)
"""


def script(tmp_path: Path, content: str, mode: int = 0o755) -> str:
    path = tmp_path / "script"
    path.write_text(content)
    path.chmod(mode)
    return str(path)


@pytest.mark.parametrize(
    "line, code", [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137), ("kill -TERM $$", 143)]
)
def test_its_end_is_ours(line: str, code: int) -> None:
    handlers = [signal.getsignal(number) for number in signal.Signals]
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    assert run(["sh", "-c", line], os.environ) == code
    assert [signal.getsignal(number) for number in signal.Signals] == handlers
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == mask


def test_it_gets_its_environment_and_nothing_else(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run(["/usr/bin/env"], {"A": "b"}) == 0
    assert run(["sh", "-c", f"env | grep -v ^PWD= > {out}"], {"PATH": os.environ["PATH"]}) == 0
    assert "HOME=" not in out.read_text()


def test_what_cannot_be_started_is_said_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cases = [
        ("no-such-program", 127, "was not found"),
        (str(tmp_path / "nowhere"), 127, "was not found"),
        (script(tmp_path, "#!/no/such/interpreter\n"), 127, "interpreter"),
        (str(tmp_path), 126, "may not be run"),
    ]
    for name, code, part in cases:
        assert run([name], os.environ) == code
        said = capsys.readouterr().err
        assert name in said and part in said and said.count("\n") == 1


def test_a_script_without_its_first_line_is_said_to_be_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([script(tmp_path, "echo hello\n")], os.environ) == 126
    assert "#!" in capsys.readouterr().err
    assert run([script(tmp_path, "#!/bin/sh\n", 0o644)], os.environ) == 126
    assert "executable" in capsys.readouterr().err


@contextmanager
def listening(*before: str) -> Iterator[subprocess.Popen[str]]:
    """A listener under a runner, ready."""
    command = [*before, sys.executable, "-c", RUNNER, sys.executable, "-c", LISTENER]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, preexec_fn=hear_all
    ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n"
            yield process
        except BaseException:
            process.kill()
            raise


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_signals_that_we_alone_get_are_passed_on_once() -> None:
    with listening() as process:
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
            process.send_signal(number)
            assert line(process) == f"heard {number.name}"
        process.send_signal(signal.SIGTERM)
        assert line(process) == "all SIGINT SIGHUP SIGQUIT"
        assert process.wait() == 5


def test_what_was_ignored_stays_ignored() -> None:
    with listening("sh", "-c", 'trap "" HUP; exec "$@"', "sh") as process:
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        assert line(process) == "all"
        assert process.wait() == 5


class Terminal:
    """A pseudo-terminal with a job in its foreground."""

    def __init__(self, command: Sequence[str]) -> None:
        self._keys, inside = os.openpty()
        self.shell = subprocess.Popen(
            [sys.executable, "-c", SHELL, *command],
            stdin=inside,
            stdout=inside,
            stderr=inside,
            start_new_session=True,
        )
        os.close(inside)
        self._screen: IO[str] = os.fdopen(os.dup(self._keys), errors="replace")

    def type(self, key: bytes) -> None:
        os.write(self._keys, key)

    def until(self, word: str) -> str:
        """The line that begins so; what the terminal echoes may stand before."""
        for text in self._screen:
            print(text, end="")  # shown when the test fails
            if word in text:
                return text[text.index(word) :].strip()
        raise AssertionError(f"the terminal ended before {word!r}")

    def close(self) -> None:
        self._screen.close()
        os.close(self._keys)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    opened = Terminal([sys.executable, "-c", RUNNER, sys.executable, "-c", LISTENER])
    yield opened
    opened.shell.wait(20)
    opened.close()


def test_what_is_typed_reaches_the_child_once(terminal: Terminal) -> None:
    job = int(terminal.until("job").split()[1])
    terminal.until("ready")
    terminal.type(b"\x03")
    terminal.until("heard SIGINT")
    terminal.type(b"\x1c")
    terminal.until("heard SIGQUIT")
    os.kill(job, signal.SIGTERM)
    assert terminal.until("all") == "all SIGINT SIGQUIT"
    assert terminal.until("ended") == "ended 5"


def test_the_job_stops_and_goes_on_as_one(terminal: Terminal) -> None:
    job = int(terminal.until("job").split()[1])
    terminal.until("ready")
    terminal.type(b"\x1a")
    terminal.until("stopped")
    terminal.until("goes on")
    os.kill(job, signal.SIGTERM)
    assert terminal.until("all") == "all"
    assert terminal.until("ended") == "ended 5"


def test_in_another_thread_the_caller_passes_signals_on() -> None:
    codes: list[int] = []
    children: list[subprocess.Popen[bytes]] = []
    there = threading.Event()

    def started(child: subprocess.Popen[bytes]) -> None:
        children.append(child)
        there.set()

    def work() -> None:
        codes.append(run(["sleep", "60"], os.environ, started=started))

    thread = threading.Thread(target=work)
    thread.start()
    assert there.wait(20)
    children[0].send_signal(signal.SIGTERM)
    thread.join()
    assert codes == [143]
