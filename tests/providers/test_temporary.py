"""What a killed control plane with a temporary state leaves is removed by the next one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cloudhand.server import state as states

_HOLDER = """
import pathlib, sys
from cloudhand.server import state
with state.held(pathlib.Path(sys.argv[1]), temporary=True):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def _killed_at_the_end(state: Path) -> Iterator[None]:
    with subprocess.Popen(
        [sys.executable, "-c", _HOLDER, state], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"held\n"
            yield
        finally:
            holder.kill()


def _next_one(folder: Path) -> None:
    with states.held(folder / "cloudhand-next", temporary=True):
        pass
    assert not (folder / "cloudhand-next").exists()


def test_what_was_left_is_removed_and_what_is_used_is_not(tmp_path: Path) -> None:
    left, used = tmp_path / "cloudhand-left", tmp_path / "cloudhand-used"
    with _killed_at_the_end(left):
        (left / "cloudhand.sqlite").touch()
        _next_one(tmp_path)
        assert left.exists()
    with _killed_at_the_end(used):
        _next_one(tmp_path)
        assert not left.exists()
        assert used.exists()


def test_nothing_is_removed_for_its_name(tmp_path: Path) -> None:
    with states.held(tmp_path / "cloudhand-mine", temporary=False):
        pass
    (tmp_path / "cloudhand-other").mkdir()
    with _killed_at_the_end(tmp_path / "elsewhere"):
        pass
    (tmp_path / "cloudhand-link").symlink_to(tmp_path / "elsewhere")
    before = sorted(tmp_path.rglob("*"))

    _next_one(tmp_path)

    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of somebody else")
@pytest.mark.parametrize("whose", ["", "temporary"])
def test_what_somebody_else_made_is_left_alone(tmp_path: Path, whose: str) -> None:
    left = tmp_path / "cloudhand-left"
    with _killed_at_the_end(left):
        pass
    os.chown(left / whose, 12345, 12345)

    _next_one(tmp_path)

    assert left.exists()


def test_while_a_supervisor_removes_it_nobody_else_does(tmp_path: Path) -> None:
    left = tmp_path / "cloudhand-left"
    with _killed_at_the_end(left):
        (left / "sandbox").mkdir()
    with states.locked(left / "sandbox" / "supervisor.lock"):
        _next_one(tmp_path)
        assert left.exists()
    _next_one(tmp_path)
    assert not left.exists()
