"""What every provider of instances must do, done in each way that instances are made."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from cloudhand.control.provider import Power
from cloudhand.core.ids import BootId
from cloudhand.providers.sandbox.plan import Mode
from tests.providers.fleet import OUR_NAMESPACE, Fleet, Guest
from tests.system import processes

pytestmark = pytest.mark.asyncio(loop_scope="module")

_RESTARTS = ("reboot", "reboot -f", "shutdown -r now", "systemctl reboot", "init 6", "telinit 6")
_STOPS = ("poweroff", "halt", "halt -f", "shutdown -h now", "shutdown now", "systemctl poweroff")
_SYSCALL = """
import ctypes, os
if os.readlink("/proc/self/ns/pid") == "{namespace}":
    raise SystemExit(99)
ctypes.CDLL(None, use_errno=True).reboot(ctypes.c_int({number}))
"""
# What an instance may lay where its name is told.
_STRANGE = (
    "rm /etc/hosts /etc/hostname",
    "ln -sf /proc/1/environ /etc/hosts",
    "rm /etc/hosts && mkfifo /etc/hosts",
    "rm /etc/hosts && mkdir /etc/hosts",
)
_RB_RESTART, _RB_POWER_OFF, _RB_HALT = 0x01234567, 0x4321FEDC, 0xCDEF0123 - (1 << 32)


async def test_an_instance_is_made_once_and_starts_once(fleet: Fleet) -> None:
    boot = fleet.boot()
    await fleet.provider.create(boot)
    await fleet.provider.create(boot)
    assert (await fleet.provider.observe(boot.instance_id)).power is Power.STOPPED

    await asyncio.gather(*(fleet.provider.start(boot.instance_id) for _ in range(3)))

    guest = await fleet.guest(boot.instance_id)
    await fleet.provider.start(boot.instance_id)
    seen = await fleet.provider.observe(boot.instance_id)
    assert (seen.power, seen.boot_id) == (Power.RUNNING, guest.boot_id)
    await fleet.release(guest)
    assert (await fleet.provider.observe(boot.instance_id)).power is Power.GONE
    assert not (fleet.state / "instances" / boot.instance_id).exists()
    await fleet.provider.release(boot.instance_id)


@pytest.mark.parametrize("force", [False, True])
async def test_restarted_from_outside(fleet: Fleet, guest: Guest, force: bool) -> None:
    witness = await fleet.witness(guest)

    await fleet.provider.reboot(guest.instance_id, force=force, from_boot_id=guest.boot_id)

    again = await fleet.guest_after(guest)
    await witness.gone()
    # Asked for again by somebody who has not seen the new boot.
    await fleet.provider.reboot(guest.instance_id, force=force, from_boot_id=guest.boot_id)
    seen = await fleet.provider.observe(guest.instance_id)
    assert (seen.power, seen.boot_id) == (Power.RUNNING, again.boot_id)


@pytest.mark.parametrize("force", [False, True])
async def test_stopped_from_outside_and_started(fleet: Fleet, guest: Guest, force: bool) -> None:
    witness = await fleet.witness(guest)

    await fleet.provider.stop(guest.instance_id, force=force)

    await fleet.stopped(guest.instance_id)
    await witness.gone()
    await fleet.provider.stop(guest.instance_id, force=force)
    await fleet.provider.reboot(guest.instance_id, force=force, from_boot_id=BootId("old"))
    assert (await fleet.provider.observe(guest.instance_id)).power is Power.STOPPED
    await fleet.provider.start(guest.instance_id)
    assert (await fleet.guest_after(guest)).boot_id != guest.boot_id


async def test_restarted_from_inside(fleet: Fleet, guest: Guest) -> None:
    for command in _RESTARTS:
        await guest.power(command)

        guest = await fleet.guest_after(guest)
        seen = await fleet.provider.observe(guest.instance_id)
        assert seen.boot_id == guest.boot_id, command


async def test_stopped_from_inside(fleet: Fleet, guest: Guest) -> None:
    for command in _STOPS:
        await guest.power(command)

        await fleet.stopped(guest.instance_id)
        await fleet.provider.start(guest.instance_id)
        guest = await fleet.guest_after(guest)


async def test_power_tools_by_their_absolute_paths(fleet: Fleet, walled: Guest) -> None:
    guest = walled
    for directory in ("/sbin", "/usr/sbin", "/bin", "/usr/bin"):
        await guest.power(f"{directory}/reboot")
        guest = await fleet.guest_after(guest)

    await guest.power("/bin/systemctl poweroff")
    await fleet.stopped(guest.instance_id)


async def test_a_scheduled_shutdown_can_be_cancelled(fleet: Fleet, guest: Guest) -> None:
    assert (await guest.shell("shutdown -h +5 && shutdown -c")).code == 0
    assert "say when" in (await guest.shell("shutdown -h 23:59")).output
    assert (await fleet.provider.observe(guest.instance_id)).boot_id == guest.boot_id


async def test_the_system_call_restarts(fleet: Fleet, walled: Guest) -> None:
    done = await walled.python(_SYSCALL.format(namespace=OUR_NAMESPACE, number=_RB_RESTART))

    assert done.code != 99
    await fleet.guest_after(walled)


@pytest.mark.parametrize("number", [_RB_POWER_OFF, _RB_HALT])
async def test_the_system_call_stops(fleet: Fleet, walled: Guest, number: int) -> None:
    done = await walled.python(_SYSCALL.format(namespace=OUR_NAMESPACE, number=number))

    assert done.code != 99
    await fleet.stopped(walled.instance_id)


async def test_three_that_restart_at_once_can_all_be_stopped(fleet: Fleet) -> None:
    """Their pipes to the supervisor get the numbers of those that were just closed."""
    first = [await fleet.new() for _ in range(3)]
    last = first
    for _ in range(3):
        ask = fleet.provider.reboot
        await asyncio.gather(
            *(ask(one.instance_id, force=True, from_boot_id=one.boot_id) for one in last)
        )
        last = [await fleet.guest_after(one) for one in last]

    stop = fleet.provider.stop
    await asyncio.gather(*(stop(one.instance_id, force=False) for one in last))

    for one in last:
        await fleet.stopped(one.instance_id)
    for one in last:
        await fleet.release(one)


@pytest.mark.parametrize("force", [False, True])
async def test_a_stop_outlasts_a_restart_under_way(fleet: Fleet, guest: Guest, force: bool) -> None:
    provider, name = fleet.provider, guest.instance_id
    await provider.reboot(name, force=force, from_boot_id=guest.boot_id)
    await provider.stop(name, force=False)

    await fleet.stopped(name)

    # Neither is it lost on an instance that has only begun to start.
    starting = asyncio.create_task(provider.start(name))
    await provider.observe(name)
    await provider.stop(name, force=force)
    await starting
    await fleet.stopped(name)


async def test_killed_at_any_moment_of_its_start(fleet: Fleet, guest: Guest) -> None:
    """What its launcher runs into then is no failure of the start, and of no restart."""
    provider, name = fleet.provider, guest.instance_id
    if fleet.mode is Mode.PROCESSES:
        pytest.skip("plain processes have no launcher beside them")
    for looks in range(24):
        await provider.stop(name, force=True)
        await fleet.stopped(name)
        starting = asyncio.create_task(provider.start(name))
        for _ in range(4 * looks):
            seen = await provider.observe(name)  # a fraction of a millisecond
        seen = await provider.observe(name)
        if looks % 2:
            await provider.stop(name, force=True)
        else:
            await provider.reboot(name, force=True, from_boot_id=seen.boot_id)
        await starting
        if looks % 2:
            await fleet.stopped(name)
        else:
            assert (await provider.observe(name)).power is Power.RUNNING


async def test_released_while_it_starts(fleet: Fleet) -> None:
    boot = fleet.boot()
    await fleet.provider.create(boot)
    starting = asyncio.create_task(fleet.provider.start(boot.instance_id))
    await fleet.provider.observe(boot.instance_id)

    await fleet.provider.release(boot.instance_id)

    await starting
    assert (await fleet.provider.observe(boot.instance_id)).power is Power.GONE
    assert not list((fleet.state / "instances").glob(f"*{boot.instance_id}"))
    assert not processes.naming(boot.instance_id)
    await fleet.board.forget(boot.instance_id)


async def test_user_data_runs_in_the_first_boot_only(fleet: Fleet) -> None:
    plain = fleet.mode is Mode.PROCESSES
    kept = str(fleet.folder / "ran") if plain else "/root/ran"
    guest = await fleet.new(f"#!/bin/sh\necho ran >>{kept}\n".encode())
    await guest.power("reboot")
    again = await fleet.guest_after(guest)

    counted = await again.shell(f"until [ -s {kept} ]; do :; done; cat {kept}")

    assert counted.output == "ran\n"
    await fleet.release(again)


async def test_user_data_that_was_changed_before_the_first_boot_runs_in_it(fleet: Fleet) -> None:
    boot = fleet.boot(b"#!/bin/sh\necho first\n")
    kept = str(fleet.folder / "said") if fleet.mode is Mode.PROCESSES else "/root/said"
    await fleet.provider.create(boot)
    await fleet.provider.create(
        replace(boot, user_data=f"#!/bin/sh\necho second >{kept}\n".encode())
    )
    await fleet.provider.start(boot.instance_id)
    guest = await fleet.guest(boot.instance_id)

    told = await guest.shell(f"until [ -s {kept} ]; do :; done; cat {kept}")

    assert told.output == "second\n"
    await fleet.provider.stop(boot.instance_id, force=True)
    await fleet.stopped(boot.instance_id)
    await fleet.provider.create(boot)
    await fleet.provider.create(replace(boot, user_data=b"no script"))
    assert not (fleet.state / "instances" / boot.instance_id / "user-data").exists()
    await fleet.release(guest)


@pytest.mark.parametrize("hosts", ["echo 10.0.0.1 friend >>/etc/hosts", *_STRANGE])
async def test_an_instance_has_the_name_that_it_was_told_last(fleet: Fleet, hosts: str) -> None:
    boot = fleet.boot()
    await fleet.provider.create(boot)
    await fleet.provider.start(boot.instance_id)
    guest = await fleet.guest(boot.instance_id)
    walled = fleet.mode is not Mode.PROCESSES
    if walled:
        assert (await guest.shell(hosts)).code == 0

    await fleet.provider.create(replace(boot, hostname="renamed"))
    await fleet.provider.reboot(boot.instance_id, force=True, from_boot_id=guest.boot_id)

    again = await fleet.guest_after(guest)
    if not walled:
        assert (await again.shell("echo $HOSTNAME")).output == "renamed\n"
    else:
        assert (await again.shell("hostname; cat /etc/hostname")).output == "renamed\n" * 2
    if walled and hosts not in _STRANGE:
        told = await again.shell("grep -e 127.0.1.1 -e friend /etc/hosts")
        assert told.output == "127.0.1.1 renamed\n10.0.0.1 friend\n"
    await fleet.release(again)


async def test_what_an_instance_writes_is_its_own_and_lasts(fleet: Fleet, walled: Guest) -> None:
    paths = ["/etc/cloudhand-mark", "/usr/local/bin/cloudhand-mark", "/root/cloudhand-mark"]
    wrote = await walled.shell(f"for path in {' '.join(paths)}; do echo own >$path || exit; done")
    assert wrote.code == 0, wrote.output
    other = await fleet.new()
    await walled.power("reboot")
    again = await fleet.guest_after(walled)

    assert (await again.run("cat", *paths)).output == "own\n" * 3
    assert (await other.run("cat", *paths)).output.count("No such file") == 3
    hostname = await other.run("hostname")
    assert hostname.output.strip() == other.instance_id
    await fleet.release(other)
