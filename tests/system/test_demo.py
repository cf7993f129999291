"""`cloudhand demo`: what it tells has happened, and nothing of it is left."""

from __future__ import annotations

import os
import re
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.system.place import Child, Place, ended, lines_until, mode_options

_BOOTS = re.compile(r"^   (hand-\d+)  .*boot (\w+) → (\w+)$", re.MULTILINE)
_BOUND = 60.0  # seconds


@pytest.mark.parametrize("policy", ["success", "documented"])
def test_without_a_terminal_it_plays_once_and_the_story_comes_true(
    alone: Place, policy: str
) -> None:
    told = ended(alone.start("demo", "--power-exit-codes", policy, *mode_options()))

    assert (told.returncode, told.stderr) == (0, "")
    restarts = _BOOTS.findall(told.stdout)
    assert len(restarts) == 6  # three by the exit code, three by the API
    assert [name for name, _, _ in restarts] == ["hand-01", "hand-02", "hand-03"] * 2
    boots = [boot for _, before, after in restarts for boot in (before, after)]
    assert len(set(boots)) >= 9  # each restart made another one
    assert all(before != after for _, before, after in restarts)
    stopped = re.findall(r"^   (hand-\d+)  Stopped$", told.stdout, re.MULTILINE)
    again = re.findall(r"^   (hand-\d+)  Running again: boot \w+$", told.stdout, re.MULTILINE)
    assert stopped == again == ["hand-01"]


def test_it_can_be_interrupted_while_it_plays(alone: Place) -> None:
    demo = alone.start("demo", *mode_options())
    lines_until(demo, "1. ")

    demo.send_signal(signal.SIGINT)

    assert ended(demo).returncode == 130


class _Screen:
    """What a program shows on a terminal."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.text = ""

    def until(self, part: str) -> None:
        while part not in self.text:
            ready, _, _ = select.select([self._descriptor], [], [], _BOUND)
            assert ready, f"no {part!r} in {self.text!r}"
            self.text += os.read(self._descriptor, 65536).decode(errors="replace")


@contextmanager
def _on_a_terminal(alone: Place, **environment: str) -> Iterator[tuple[Child, _Screen]]:
    ours, theirs = os.openpty()
    try:
        demo = alone.start("demo", *mode_options(), stdout=theirs, env=environment)
        os.close(theirs)
        yield demo, _Screen(ours)
    finally:
        os.close(ours)


def test_on_a_terminal_it_stays_and_what_it_suggests_works(alone: Place) -> None:
    with _on_a_terminal(alone) as (demo, screen):
        screen.until("Ctrl-C")
        shown = re.sub(r"\x1b\[[\d;]*m", "", screen.text)
        names = set(re.findall(r"^   (hand-\d+)  Running: boot", shown, re.MULTILINE))
        assert len(names) == 3
        assert "access key" in shown

        listed = alone.run("instances")

        assert listed.returncode == 0
        assert names == set(re.findall(r"hand-\d+", listed.stdout))
        demo.send_signal(signal.SIGINT)
        assert ended(demo).returncode == 0


def test_once_ends_it_on_a_terminal_too(alone: Place) -> None:
    with _on_a_terminal(alone, ONCE="1") as (demo, screen):
        screen.until("All of it was real")
        assert ended(demo).returncode == 0
