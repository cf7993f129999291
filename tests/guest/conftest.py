"""A control plane, and a machine with its own systemd."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.guest.guest import Guest, missing, prepare, started
from tests.system.place import Place, Plane, place


def pytest_collection_finish() -> None:
    """Before the first test, whose time it would take."""
    if not missing():
        prepare()


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path / "place", adopts=False) as one:
        yield one


@pytest.fixture
def plane(alone: Place) -> Iterator[Plane]:
    one = Plane(alone, "--tls")
    try:
        one.start()
        yield one
    finally:
        one.end()


@pytest.fixture
def guest(tmp_path: Path) -> Iterator[Guest]:
    with started(tmp_path / "guest", tmp_path / "guest.log") as one:
        yield one
