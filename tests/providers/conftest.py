"""Real instances, made in each way that this machine allows."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from cloudhand.providers.sandbox.plan import Mode
from tests.providers.fleet import Fleet, Guest, Who, fleet_of, refusal, somebody

_NAMESPACES = (Mode.NAMESPACES_ROOT, Mode.NAMESPACES_USER)


@pytest.fixture(scope="module", params=list(Mode), ids=str)
def who(request: pytest.FixtureRequest) -> Who:
    one = somebody(request.param)
    if one.mode in _NAMESPACES and (why := refusal(one)):
        pytest.skip(f"no {one.mode} here: {why}")
    return one


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def fleet(who: Who) -> AsyncIterator[Fleet]:
    """Shared by all tests of a module, which release what they make."""
    async with fleet_of(who) as one:
        yield one


@pytest_asyncio.fixture(loop_scope="module")
async def own(who: Who) -> AsyncIterator[Fleet]:
    """Its supervisor may be killed."""
    async with fleet_of(who) as one:
        yield one


@pytest_asyncio.fixture(loop_scope="module")
async def guest(fleet: Fleet) -> AsyncIterator[Guest]:
    """A fresh instance that runs, in its first boot."""
    one = await fleet.new()
    yield one
    await fleet.release(one)


@pytest_asyncio.fixture(loop_scope="module")
async def walled(fleet: Fleet) -> AsyncIterator[Guest]:
    """An instance with namespaces of its own."""
    if fleet.mode is Mode.PROCESSES:
        pytest.skip("plain processes are no wall, and say so")
    one = await fleet.new()
    yield one
    await fleet.release(one)
