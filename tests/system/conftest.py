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
    with place(root, adopts=False) as one:
        plane = Plane(one, *options)
        try:
            plane.start()
            yield plane
        finally:
            plane.end()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    """One control plane for all tests of a module that only use it."""
    with _running(tmp_path_factory.mktemp("shared") / "place") as plane:
        yield plane


@pytest.fixture(scope="module")
def documented(shared: Plane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    """Another one, which calls a target Failed for 193 and 194, too."""
    root = tmp_path_factory.mktemp("documented") / "place"
    with _running(root, "--power-exit-codes", "documented") as plane:
        yield plane


@pytest.fixture(scope="module")
def plain(shared: Plane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    """Another one, whose instances are plain processes."""
    with _running(tmp_path_factory.mktemp("plain") / "place", "--plain-processes") as plane:
        yield plane


@pytest.fixture(params=["shared", "plain"])
def either(request: pytest.FixtureRequest, shared: Plane, plain: Plane) -> Plane:
    """The shared control plane, and the one with plain processes."""
    return {"shared": shared, "plain": plain}[request.param]


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
