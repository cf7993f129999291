"""Each test leaves nothing behind, and neither does what tests share."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests import leftovers
from tests.stillness import StillLoop

# How long an example takes is the machine's matter, and other people's on it.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")

# What tests share in this process, not in another: it opens more as it is used, and is looked
# at when it has ended.
_GROWING = {"fleet", "ground", "it", "shared", "who"}

_BELONGINGS = pytest.StashKey[leftovers.Belongings]()  # of all that is shared


# Of the tests of a module that are drawn so many are played, others with each commit.
_OF = 3
_DRAW = "CLOUDHAND_TEST_DRAW"


def pytest_report_header() -> str:
    if _draw() == "all":
        return "drawn: every test"
    return f"drawn: one in {_OF} of the long tests, by {_DRAW}={_draw()}; make test-all plays all"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if _draw() == "all":
        return
    by_module: dict[Path, list[pytest.Item]] = {}
    for item in items:
        if item.get_closest_marker("drawn"):
            by_module.setdefault(item.path, []).append(item)
    left = set()
    for some in by_module.values():
        some.sort(key=lambda item: hashlib.sha256(f"{_draw()} {item.nodeid}".encode()).digest())
        left |= set(some[-(-len(some) // _OF) :])
    items[:] = [item for item in items if item not in left]
    config.hook.pytest_deselected(items=list(left))


def _draw() -> str:
    if _DRAW not in os.environ:  # those who play for us draw the same
        commit = ""
        if shutil.which("git"):
            commit = subprocess.run(
                ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
            ).stdout.strip()
        os.environ[_DRAW] = commit or "1"
    return os.environ[_DRAW]


def pytest_configure(config: pytest.Config) -> None:
    # In the background of a script these come ignored, which what tests start would inherit.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    config.stash[_BELONGINGS] = set()
    if hasattr(config, "workerinput") or not getattr(config.option, "numprocesses", None):
        config.add_cleanup(leftovers.own_temporary_folder())


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], StillLoop]]:
    return {"still": StillLoop}


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[object], request: pytest.FixtureRequest
) -> Generator[None, object, object]:
    """What is shared may be made in the middle of a test."""
    if fixturedef.scope == "function":
        return (yield)
    before = leftovers.belongings()
    made = yield
    request.config.stash[_BELONGINGS] |= leftovers.belongings() - before
    return made


@pytest.fixture(autouse=True)
def nothing_is_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """Set up before, and so looked after behind, all other fixtures of the same scope."""
    before = leftovers.belongings()
    yield
    _look(request.config, before, growing=not _GROWING.isdisjoint(request.fixturenames))


@pytest.fixture(autouse=True, scope="module")
def nothing_is_left_of_what_a_module_shares(request: pytest.FixtureRequest) -> Iterator[None]:
    before = leftovers.belongings()
    yield
    items = [item for item in request.session.items if item.path == request.path]
    names = {name for item in items for name in getattr(item, "fixturenames", ())}
    _look(request.config, before, growing=not (_GROWING - {"ground", "it"}).isdisjoint(names))


@pytest.fixture(autouse=True, scope="session")
def nothing_is_left_at_all() -> Iterator[None]:
    before = leftovers.belongings()
    yield
    _complain(leftovers.left(before, only=leftovers.LASTING))


def _look(config: pytest.Config, before: leftovers.Belongings, *, growing: bool) -> None:
    only = leftovers.OUTSIDE if growing else leftovers.ALL
    shared = config.stash[_BELONGINGS]
    _complain(leftovers.left(before | shared, only=only))


def _complain(left: list[str]) -> None:
    assert not left, f"left behind: {'; '.join(left)}"
