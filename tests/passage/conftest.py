"""Each test here leaves no thread, and no file of a passage."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloudhand.passage import Destination, Identity
from tests.passage.plane import KEY_ID, KEY_SECRET, Plane, plane


@pytest.fixture(autouse=True)
def _nothing_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before
    assert list(folder.iterdir()) == []


@pytest.fixture
def control_plane() -> Iterator[Plane]:
    with plane() as running:
        yield running


@pytest.fixture
def destination(control_plane: Plane) -> Destination:
    return Destination(host="127.0.0.1", port=control_plane.port)


@pytest.fixture
def identity() -> Identity:
    return Identity(access_key_id=KEY_ID, access_key_secret=KEY_SECRET, region_id="cn-hangzhou")
