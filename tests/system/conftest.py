"""Control planes as processes, with real instances; each test leaves nothing behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.system.meeting import Meeting
from tests.system.place import Place, Plane, place


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Place]:
    """A place where nothing runs yet, and where nothing may be left."""
    with place(tmp_path / "place") as one:
        yield one


@pytest.fixture
def own(alone: Place) -> Iterator[Plane]:
    """A control plane that the test may kill; not started."""
    plane = Plane(alone)
    yield plane
    plane.end()


@contextmanager
def _running(root: Path, *options: str) -> Iterator[Plane]:
    with place(root) as one:
        plane = Plane(one, *options)
        try:
            plane.start()
            yield plane
        finally:
            plane.end()


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    """One control plane for all tests that only use it."""
    with _running(tmp_path_factory.mktemp("shared") / "place") as plane:
        yield plane


@pytest.fixture(scope="session")
def documented(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    """One that calls a target Failed for 193 and 194, too."""
    root = tmp_path_factory.mktemp("documented") / "place"
    with _running(root, "--power-exit-codes", "documented") as plane:
        yield plane


@pytest.fixture
def instance(shared: Plane) -> Iterator[str]:
    """A fresh instance of the shared control plane."""
    (instance_id,) = shared.instances()
    yield instance_id
    shared.release([instance_id])


@pytest.fixture
def meeting() -> Iterator[Meeting]:
    with closing(Meeting()) as one:
        yield one
