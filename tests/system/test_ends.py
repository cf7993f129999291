"""However `cloudhand up` ends, nothing that it began is left; `place` looks for what is."""

from __future__ import annotations

import os
import pty
import random
import signal
import sys
from pathlib import Path

import pytest

from tests.system import processes
from tests.system.place import (
    Child,
    Place,
    ended,
    line,
    lines_until,
    mode_options,
)
from tests.system.waiting import until

_COUNTER = Path(__file__).parent / "programs" / "counter.py"
# The first program of a session that opens a terminal gets it as its own.
_OWN_TERMINAL = """
import os, sys
os.close(os.open(os.ttyname(0), os.O_RDWR))
os.execv(sys.argv[1], sys.argv[1:])
"""
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _without_a_terminal() -> None:
    """As nohup does it."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def _up(alone: Place, *command: str, fleet: int = 2) -> Child:
    then = ("--", *command) if command else ()
    return alone.start("up", "--fleet", str(fleet), *mode_options(), *then)


@pytest.mark.parametrize("number", _SIGNALS)
def test_a_signal_ends_it_and_its_instances(alone: Place, number: signal.Signals) -> None:
    up = _up(alone)
    lines_until(up, "Ctrl-C")

    up.send_signal(number)

    told = ended(up)
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout == "Ending the instances.\n"


@pytest.mark.parametrize("number", _SIGNALS)
def test_a_signal_reaches_the_command_once_and_its_exit_code_is_passed_on(
    alone: Place, number: signal.Signals
) -> None:
    up = _up(alone, sys.executable, str(_COUNTER))
    assert line(up).startswith("ready")

    up.send_signal(number)

    told = ended(up)
    assert (told.stdout, told.stderr) == (f"{number.name} 1\n", "")
    assert told.returncode == 7


def test_what_is_typed_at_a_terminal_reaches_the_command_once(alone: Place) -> None:
    ours, theirs = pty.openpty()
    words = [
        *alone.cloudhand,
        "up",
        "--fleet",
        "1",
        *mode_options(),
        "--",
        sys.executable,
        str(_COUNTER),
    ]
    with open(ours, "wb", buffering=0) as keyboard:
        up = alone.start_program([sys.executable, "-c", _OWN_TERMINAL, *words], stdin=theirs)
        os.close(theirs)
        assert line(up).startswith("ready")
        keyboard.write(b"\x03")
        told = ended(up)
    assert (told.returncode, told.stdout, told.stderr) == (7, "SIGINT 1\n", "")


def test_a_command_that_a_signal_ends_is_told_as_shells_do(alone: Place) -> None:
    up = _up(alone, "sh", "-c", "kill -KILL $$", fleet=0)

    assert ended(up).returncode == 128 + signal.SIGKILL


@pytest.mark.parametrize(("command", "code"), [("/nowhere/at/all", 127), ("/etc/passwd", 126)])
def test_a_command_that_cannot_be_run_is_told(alone: Place, command: str, code: int) -> None:
    told = ended(_up(alone, command, fleet=0))

    assert told.returncode == code
    assert command in told.stderr
    assert told.stderr.count("\n") == 1


def test_killed_it_takes_its_instances_along(alone: Place) -> None:
    up = _up(alone)
    lines_until(up, "Ctrl-C")

    up.kill()

    until(lambda: not list(alone.temporary.iterdir()), what="the end of its directory")


def test_killed_it_takes_its_command_along(alone: Place) -> None:
    up = _up(alone, "sh", "-c", "echo ready; exec sleep 1000")
    assert line(up) == "ready\n"

    up.kill()

    until(lambda: not list(alone.temporary.iterdir()), what="the end of its directory")


def test_in_the_background_it_outlives_its_terminal(alone: Place) -> None:
    up = alone.start("up", "--fleet", "0", *mode_options(), preexec_fn=_without_a_terminal)
    lines_until(up, "Ctrl-C")

    up.send_signal(signal.SIGHUP)

    assert alone.run("instances").returncode == 0
    up.send_signal(signal.SIGTERM)
    assert ended(up).returncode == 0


@pytest.mark.parametrize("seed", range(4))
def test_a_signal_at_any_moment_of_its_start_ends_it(alone: Place, seed: int) -> None:
    chance = random.Random(seed)
    number = chance.choice(_SIGNALS)
    up = _up(alone)

    with processes.signalled_within(up.pid, chance.uniform(0, 1.5), number):
        told = ended(up)

    # Until it is loaded, Python itself says that it was interrupted.
    assert told.stderr == "" or told.stderr.endswith("\nKeyboardInterrupt\n")
