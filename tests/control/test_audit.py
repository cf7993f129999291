"""Who did what, as verbs and loops keep it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cloudhand.core.audit import OK, Kind, Record, RecordFilter
from cloudhand.core.errors import ActivationRefused
from cloudhand.core.ids import InstanceId
from cloudhand.core.orders import NewActivation
from cloudhand.store.database import StoreError
from cloudhand.wire import agent as wire
from cloudhand.wire.audit import check
from tests.machines import exit_with, finish, run_on
from tests.world import World


async def records(world: World, **wanted: Any) -> list[dict[str, Any]]:
    """The oldest first."""
    found, _ = await world.control.audit.find(
        RecordFilter(**wanted), limit=20_000, oldest_first=True
    )
    return [one.record for one in found]


def record(world: World, **values: Any) -> Record:
    known = {"kind": Kind.CALL, "at": world.clock.now(), "action": "ecs:Look", "who": "ann"}
    return Record(**{**known, "outcome": OK, **values})


async def test_what_is_noted_is_kept_with_what_is_added_in_one_chain(tmp_path: Path) -> None:
    async with World(tmp_path, loops=False) as world:
        audit = world.control.audit
        audit.note(record(world, action="ecs:First"))
        audit.note(record(world, action="ecs:Second"))
        await audit.flush()
        await audit.add(record(world, action="ecs:Third"))
        await audit.flush()

        links = await audit.after(0, limit=10)
        assert [one.record["action"] for one in links] == ["ecs:First", "ecs:Second", "ecs:Third"]
        assert check(links) == (3, links[-1])
        assert await audit.after(2, limit=10) == links[2:]


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        ({}, [1, 2, 3, 4]),
        ({"who": "ann"}, [1, 3]),
        ({"action": "ecs:R*"}, [2, 3]),
        ({"action": "ecs:R_n"}, []),
        ({"thing": "i-1"}, [2, 4]),
        ({"thing": "i-"}, []),
        ({"failed": True}, [3, 4]),
        ({"changes": True}, [2, 3, 4]),
        ({"since": timedelta(seconds=2)}, [3, 4]),
        ({"until": timedelta(seconds=2)}, [1, 2]),
        ({"who": "ann", "failed": True}, [3]),
    ],
)
async def test_some_are_found(tmp_path: Path, wanted: dict[str, Any], numbers: list[int]) -> None:
    async with World(tmp_path, loops=False) as world:
        begin = world.clock.now()
        for values in (
            {"reads": True},
            {"who": "bob", "action": "ecs:Run", "things": ["instance/i-1", "command/c-1"]},
            {"action": "ecs:Reboot", "outcome": "Forbidden.RAM", "things": ["instance/i-10"]},
            {"who": "", "outcome": "Nobody", "reads": True, "things": ["instance/i-1"]},
        ):
            await world.control.audit.add(record(world, **values))
            world.clock.move(timedelta(seconds=1))
        given = {
            name: begin + value if isinstance(value, timedelta) else value
            for name, value in wanted.items()
        }
        assert [one["number"] for one in await records(world, **given)] == numbers


@pytest.mark.parametrize("oldest_first", [True, False])
async def test_pages_follow_each_other(tmp_path: Path, oldest_first: bool) -> None:
    async with World(tmp_path, loops=False) as world:
        for _ in range(7):
            world.control.audit.note(record(world))
        seen: list[int] = []
        cursor = ""
        while True:
            found, cursor = await world.control.audit.find(
                RecordFilter(), limit=3, cursor=cursor, oldest_first=oldest_first
            )
            seen += [one.number for one in found]
            if not cursor:
                break
        assert seen == sorted(range(1, 8), reverse=not oldest_first)


async def test_what_cannot_be_kept_now_is_kept_later_and_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with World(tmp_path, loops=False) as world:
        audit = world.control.audit
        audit.note(record(world, action="ecs:First"))

        async def full(work: object) -> None:
            raise StoreError("the disk is full")

        with monkeypatch.context() as away:
            away.setattr(world.database, "write", full)
            with pytest.raises(StoreError):
                await audit.flush()
        audit.note(record(world, action="ecs:Second"))
        await audit.flush()
        assert [one["action"] for one in await records(world)] == ["ecs:First", "ecs:Second"]


async def test_strangers_do_not_fill_the_disk_and_are_counted(tmp_path: Path) -> None:
    async with World(tmp_path, loops=False) as world:
        for minute in range(2):
            for _ in range(150):
                world.control.audit.note(record(world, who="", outcome="InvalidAccessKeyId"))
            world.control.audit.note(record(world, outcome="Forbidden.RAM"))
            found = await records(world)
            assert [one["action"] for one in found].count("ecs:Look") == 101 * (minute + 1)
            assert found[-1]["action"] == "audit:LeftOut"
            assert found[-1]["facts"] == {"count": "50"}
            world.clock.move(timedelta(seconds=61))


async def test_more_than_can_wait_is_counted(tmp_path: Path) -> None:
    async with World(tmp_path, loops=False) as world:
        for _ in range(10_003):
            world.control.audit.note(record(world))
        found = await records(world)
        assert len(found) == 10_001
        assert found[-1]["facts"] == {"count": "3"}


async def test_old_records_are_forgotten_and_the_chain_goes_on(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        await world.control.audit.add(record(world, action="ecs:First"))
        await world.control.audit.add(record(world, action="ecs:Second"))
        world.clock.move(timedelta(days=181))
        await world.settle()
        await world.control.audit.add(record(world, action="ecs:Third"))
        links = await world.control.audit.after(0, limit=10)
        assert [one.record["action"] for one in links] == ["ecs:Second", "ecs:Third"]
        assert check(links)[0] == 2


async def test_what_is_forgotten_leaves_no_gap(tmp_path: Path) -> None:
    """A record says when its call began, which may be before that of the one before it."""
    async with World(tmp_path) as world:
        early = world.clock.now()
        world.clock.move(timedelta(days=1))
        for at in (early, world.clock.now(), early, world.clock.now()):
            await world.control.audit.add(record(world, at=at))
        world.clock.move(timedelta(days=179, hours=12))
        await world.settle()
        links = await world.control.audit.after(0, limit=10)
        assert [one.number for one in links] == [2, 3, 4]
        assert check(links)[0] == 3


async def test_a_restart_by_exit_code_is_recorded_with_who_asked_and_both_boots(
    tmp_path: Path,
) -> None:
    async with World(tmp_path, behave=exit_with(194)) as world:
        instance_id = await world.instance()
        boot = world.machine(instance_id).boot_id
        invoke_id = await world.run(instance_id, by="ann")
        await world.advance(seconds=30)

        (action,) = await records(world, action="power:*")
        assert action == {
            **action,
            "kind": "power",
            "action": "power:restart",
            "who": "ann",
            "on": [f"instance/{instance_id}"],
            "outcome": "OK",
            "facts": {
                "invokeId": invoke_id,
                "bootIdBefore": boot,
                "bootIdAfter": world.machine(instance_id).boot_id,
            },
        }


async def test_a_restart_that_does_not_come_is_recorded_as_overdue(tmp_path: Path) -> None:
    async with World(tmp_path, behave=run_on) as world:
        instance_id = await world.instance()
        machine = world.machine(instance_id)
        world.machines.failing.add("reboot")
        await world.run(instance_id, by="ann")
        await world.advance(seconds=1)
        (task,) = machine.running.values()
        machine.running.clear()
        await world.machines.say(machine, finish(task, 194, b""))
        await world.advance(minutes=30)
        (action,) = await records(world, action="power:*")
        assert (action["outcome"], action["who"]) == ("Overdue", "ann")


async def test_what_machines_do_by_themselves_is_recorded(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        instance_id = await world.instance()
        world.machines.restart(instance_id)
        await world.advance(seconds=30)
        world.machines.power_off(instance_id)
        await world.advance(seconds=30)
        found = [
            (one["action"], one["facts"]["before"])
            for one in await records(world, thing=instance_id, action="machine:*")
        ]
        assert found == [
            ("machine:Running", "Starting"),
            ("machine:Running", "Running"),
            ("machine:Stopped", "Running"),
        ]


async def test_machines_that_join_and_leave_are_recorded(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        activation, code = await world.control.activations.create(NewActivation())
        registration = wire.Registration(
            activation_id=activation.id,
            activation_code=code,
            region_id="cn-hangzhou",
            machine_id="m-1",
            hostname="outside",
            os_type="linux",
            os_version="Debian 12",
            agent_version="1",
            intranet_ip="10.0.0.7",
        )
        agents = world.control.agents
        told = await agents.register(registration, address="192.0.2.1", public_key=b"")
        with pytest.raises(ActivationRefused):
            wrong = replace(registration, activation_code="wrong")
            await agents.register(wrong, address="192.0.2.2", public_key=b"")
        await world.control.audit.flush()
        await world.control.managed.deregister(InstanceId(told.instance_id))

        joined, refused, left = await records(world, action="agent:*")
        assert joined["from"] == "192.0.2.1" and refused["from"] == "192.0.2.2"
        assert joined["on"] == left["on"] == [f"instance/{told.instance_id}"]
        assert (joined["outcome"], refused["outcome"]) == ("OK", "ActivationRefused")
        assert "wrong" not in str(refused) and code not in str(joined)
