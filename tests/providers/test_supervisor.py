"""The supervisor's own ends: asked for, by force, and of those who use it."""

from __future__ import annotations

import asyncio
import fcntl
import os
import selectors
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from cloudhand.control.provider import Power, ProviderError
from cloudhand.core.ids import InstanceId
from cloudhand.providers.sandbox import supervisor
from cloudhand.providers.sandbox.plan import Mode, Runtime
from cloudhand.providers.sandbox.provider import SandboxProvider
from tests.providers.fleet import BOUND, Fleet
from tests.system import processes
from tests.system.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

# What a control plane does that starts one instance; it is killed when it has said so.
_CONTROL_PLANE = """
import asyncio, pathlib, sys
from cloudhand.control.provider import Boot
from cloudhand.providers.sandbox.plan import Mode
from cloudhand.providers.sandbox.provider import SandboxProvider
state, agent, mode, tether, url, name = sys.argv[1:]

async def main():
    provider = SandboxProvider(
        pathlib.Path(state), mode=Mode(mode), agent=pathlib.Path(agent), tether=bool(tether)
    )
    boot = Boot(instance_id=name, hostname=name, region_id="cn-hangzhou", server_url=url,
                activation_id="a", activation_code="c")
    await provider.create(boot)
    await provider.start(boot.instance_id)
    print("started", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""

# A supervisor that does not wait long for somebody who needs it.
_HASTY = """
import sys
from cloudhand.providers.sandbox import supervisor
supervisor._IDLE_BOUND = 0.05
sys.exit(supervisor.main(sys.argv[1:]))
"""


def _hasty(fleet: Fleet, state: Path) -> subprocess.Popen[bytes]:
    guest = str(fleet.folder / "guest.py")
    return fleet.who.start("-c", _HASTY, str(state), guest, fleet.mode.value, "-1", "", cwd="/")


def _asks_for(lock: str, pid: int) -> bool:
    with suppress(OSError):  # a file that was closed while we looked
        folder = f"/proc/{pid}/fd"
        return lock in [os.readlink(f"{folder}/{number}") for number in os.listdir(folder)]
    return False


@contextmanager
def _control_plane(fleet: Fleet, state: Path, tether: bool) -> Iterator[InstanceId]:
    """It has started this instance, and is killed at the end of the block."""
    name = fleet.boot().instance_id
    plane = fleet.who.start(
        *("-c", _CONTROL_PLANE, str(state), str(fleet.folder / "guest.py"), fleet.mode.value),
        *("yes" if tether else "", fleet.board.url, name),
        stdout=subprocess.PIPE,
        cwd="/",
    )
    assert plane.stdout is not None
    with plane.stdout:
        try:
            assert plane.stdout.readline() == b"started\n"
            yield name
        finally:
            plane.kill()
            plane.wait()


async def test_killed_it_takes_its_instances_along_and_they_start_again(own: Fleet) -> None:
    guest = await own.new()
    witness = await own.witness(guest)
    assert own.process is not None

    with processes.orphans_adopted():
        own.process.kill()
        own.process.wait()
        await guest.gone()
        await witness.gone()
        _bury(own)

    await own.provider.close()
    (own.state / "supervisor.sock").unlink()
    own.supervise()
    own.provider = own.another_provider()
    assert (await own.provider.observe(guest.instance_id)).power is Power.STOPPED
    await own.provider.start(guest.instance_id)
    assert (await own.guest_after(guest)).boot_id != guest.boot_id


async def test_its_end_does_not_wait_for_an_init_that_does_not_answer(own: Fleet) -> None:
    guest = await own.new()
    witness = await own.witness(guest)
    assert own.process is not None
    (init,) = (p for p in processes.below(own.process.pid).values() if "init.py" in str(p.words))
    os.kill(init.pid, signal.SIGSTOP)

    async with asyncio.timeout(BOUND):
        await own.provider.shutdown()

    await guest.gone()
    await witness.gone()
    assert own.process.wait(BOUND) == 0


async def test_instances_outlive_the_control_plane_and_are_found_again(own: Fleet) -> None:
    with processes.orphans_adopted(), _control_plane(own, own.state, tether=False) as name:
        guest = await own.guest(name)

    again = own.another_provider()
    seen = await again.observe(name)
    await again.close()
    assert (seen.power, seen.boot_id) == (Power.RUNNING, guest.boot_id)
    assert (await guest.shell("echo here")).output == "here\n"


async def test_tethered_nothing_outlives_the_control_plane(own: Fleet) -> None:
    tethered = own.folder / "tethered"
    with processes.orphans_adopted():
        with _control_plane(own, tethered / "sandbox", tether=True) as name:
            guest = await own.guest(name)
            witness = await own.witness(guest)
            if own.mode is not Mode.PROCESSES:
                await guest.shell("mkdir -p /root/closed/in; chmod 0 /root/closed")

        await guest.gone()
        await witness.gone()
        until(lambda: not tethered.exists(), what="the removal of what it kept")
        _bury(own)


async def test_it_ends_by_itself_once_nobody_needs_it_and_the_next_one_knows_its_instances(
    own: Fleet,
) -> None:
    guest = await own.new()
    await own.provider.shutdown()
    await own.provider.close()
    assert own.process is not None
    assert own.process.wait(BOUND) == 0

    assert _hasty(own, own.state).wait(BOUND) == 0

    assert not list(own.state.glob("supervisor.sock*"))
    own.provider = own.another_provider()
    assert (await own.provider.observe(guest.instance_id)).power is Power.STOPPED


async def test_one_that_is_needed_in_its_last_moment_stays(own: Fleet) -> None:
    path = own.folder / "supervisor.sock"
    runtime = Runtime(
        mode=own.mode,
        state=str(own.folder),
        files="",
        python="",
        python_prefix="",
        launcher_namespace="",
    )
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as late:
        listener.bind(str(path))
        listener.listen()
        one = supervisor.Supervisor(runtime, -1, "")
        one.selector.register(listener, selectors.EVENT_READ, one._accept)
        one.leave_at = 1.0
        late.connect(str(path))

        one._leave_if_idle()

        assert not one.done
        assert path.exists()
        for connection in one.connections:
            connection.close()


async def test_one_that_is_about_to_end_is_waited_for(own: Fleet) -> None:
    state = own.folder / "other"
    state.mkdir()
    with (state / "supervisor.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if own.who.user is not None:
            for path in (state, state / "supervisor.lock"):
                os.chown(path, own.who.user, own.who.user)
        following = _hasty(own, state)
        until(lambda: _asks_for(lock.name, following.pid), what="its asking for the lock")

    assert following.wait(BOUND) == 0
    assert (state / "files").exists()


async def test_a_second_one_leaves_the_instances_to_the_first(own: Fleet) -> None:
    guest = await own.new()
    second = own.who.start(
        *("-m", "cloudhand.providers.sandbox.supervisor", str(own.state)),
        *(str(own.folder / "guest.py"), own.mode.value, "-1", ""),
    )

    assert second.wait(BOUND) == 0
    assert (await guest.shell("echo here")).output == "here\n"


async def test_what_it_says_when_it_cannot_start(own: Fleet) -> None:
    lost = SandboxProvider(
        own.folder / "lost", mode=own.mode, agent=own.folder / "no-agent", tether=False
    )
    with pytest.raises(ProviderError, match="cannot start the supervisor: .*no-agent"):
        await lost.observe(InstanceId("i-none"))


def _bury(fleet: Fleet) -> None:
    """See the end of those that we adopted."""
    assert fleet.process is not None
    known = {os.getpid(), fleet.process.pid}

    def ended() -> bool:
        processes.bury_orphans()
        everything = processes.processes().values()
        return not any(p.parent == os.getpid() and p.pid not in known for p in everything)

    until(ended, at_most=BOUND, what="the end of what was orphaned")
