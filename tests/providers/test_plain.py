"""Plain processes: no wall, but this machine's power is out of their reach."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from cloudhand.providers.sandbox import init, kernel, plain
from cloudhand.providers.sandbox.plan import Mode
from tests.providers.fleet import Fleet, Guest, fleet_of, somebody

pytestmark = pytest.mark.asyncio(loop_scope="module")

_landlock = pytest.mark.skipif(not kernel.landlock_abi(), reason="this kernel has no Landlock")
_scoped = pytest.mark.skipif(not kernel.scoped(), reason="Landlock scopes no signals here")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def plain_fleet() -> AsyncIterator[Fleet]:
    async with fleet_of(somebody(Mode.PROCESSES)) as one:
        yield one


@pytest_asyncio.fixture(loop_scope="module")
async def inside(plain_fleet: Fleet) -> AsyncIterator[Guest]:
    one = await plain_fleet.new()
    yield one
    await plain_fleet.release(one)


@_landlock
async def test_the_machines_power_tools_cannot_be_run_by_any_path(inside: Guest) -> None:
    tools = plain.power_tools()
    if not tools:
        pytest.skip("this machine has no power tools")
    for path in tools:
        done = await inside.run(path, "--help")  # of all that they do, what harms nobody
        assert (done.code, "Permission denied" in done.output) == (127, True), path


async def test_the_first_tools_found_are_those_that_ask_the_instance(inside: Guest) -> None:
    found = await inside.shell(f"for name in {' '.join(init.SHIMS)}; do command -v $name; done")
    places = {os.path.dirname(path) for path in found.output.split()}
    assert len(places) == 1
    assert places.pop().endswith(f"/{inside.instance_id}/run/bin")


async def test_the_kernel_would_refuse_them(inside: Guest) -> None:
    """Looked up, not tried: were it otherwise, the machine would go down."""
    status = await inside.shell("grep -E '^Cap(Eff|Bnd)|^NoNewPrivs' /proc/self/status")
    seen = dict(line.split(":\t") for line in status.output.splitlines())
    boot = 1 << plain._CAPABILITIES["CAP_SYS_BOOT"]
    assert not int(seen["CapEff"], 16) & boot
    assert not int(seen["CapBnd"], 16) & boot or seen["NoNewPrivs"] == "1"


@_scoped
async def test_nobody_outside_can_be_signalled(inside: Guest) -> None:
    for pid in (1, os.getpid(), os.getppid()):
        done = await inside.shell(f"kill -0 {pid}")
        assert (done.code, "ermitted" in done.output) == (1, True), pid


async def test_the_buses_are_nowhere(inside: Guest) -> None:
    told = await inside.shell('echo "$DBUS_SYSTEM_BUS_ADDRESS $DBUS_SESSION_BUS_ADDRESS"')
    for address in told.output.split():
        assert not os.path.exists(address.removeprefix("unix:path="))


async def test_each_has_a_home_and_a_temporary_directory_of_its_own(
    plain_fleet: Fleet, inside: Guest
) -> None:
    other = await plain_fleet.new()
    await inside.shell("echo own >$HOME/mark; echo own >$TMPDIR/mark")
    assert (await other.shell("cat $HOME/mark $TMPDIR/mark")).output.count("No such file") == 2
    await inside.power("reboot")
    again = await plain_fleet.guest_after(inside)
    kept = await again.shell("cat $HOME/mark; cat $TMPDIR/mark")
    assert kept.output.startswith("own\n")
    assert "No such file" in kept.output
    await plain_fleet.release(other)
