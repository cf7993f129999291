"""What a test leaves behind is found and named."""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path

import pytest

from tests import leftovers


@pytest.fixture(autouse=True)
def _without_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "_PATIENCE", 0.0)


def test_a_process() -> None:
    before = leftovers.belongings()
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        # Its descriptors close before its arguments can be seen: only what it says shows it runs.
        assert child.stdin is not None and child.stdout is not None
        os.write(child.stdin.fileno(), b"x")
        assert os.read(child.stdout.fileno(), 1) == b"x"
        (found,) = leftovers.left(before, only=leftovers.OUTSIDE)
        assert found == f"process {child.pid}: cat"
    assert leftovers.left(before, only=leftovers.ALL) == []


def test_a_thread() -> None:
    before = leftovers.belongings()
    end = threading.Event()
    thread = threading.Thread(target=end.wait, name="forgotten")
    thread.start()
    try:
        assert leftovers.left(before, only=leftovers.ALL) == ["thread forgotten"]
    finally:
        end.set()
        thread.join()
    assert leftovers.left(before, only=leftovers.ALL) == []


def test_a_descriptor(tmp_path: Path) -> None:
    before = leftovers.belongings()
    descriptor = os.open(tmp_path, os.O_RDONLY)
    try:
        assert leftovers.left(before, only=leftovers.ALL) == [
            f"descriptor ({descriptor}, '{tmp_path}')"
        ]
    finally:
        os.close(descriptor)


def test_a_temporary_file() -> None:
    before = leftovers.belongings()
    made = Path(leftovers.folder()) / "forgotten"
    made.touch()
    try:
        assert leftovers.left(before, only=leftovers.OUTSIDE) == ["temporary file forgotten"]
    finally:
        made.unlink()
