"""Each test leaves nothing behind, and neither does what tests share."""

from __future__ import annotations

import signal
from collections.abc import Callable, Generator, Iterator

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
