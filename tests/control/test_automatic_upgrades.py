"""Upgrades that nobody asks for one by one: as AgentUpgradeConfig says, until one fails."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cloudhand.core.assistant_settings import AgentUpgradeConfig
from cloudhand.core.automatic_upgrade import AT_ONCE, STARTED_WITHIN, Stance
from cloudhand.core.upgrade import State
from cloudhand.wire.release import REFUSED, ROLLED_BACK, UPGRADED, Order, Outcome
from tests.control.test_notifications import live, watched
from tests.machines import Machine, Upgrading
from tests.sessions import join, own_machine
from tests.world import World

LOOK = 45  # seconds, in which the loop looks


async def configure(world: World, **values: Any) -> None:
    await world.control.assistant_settings.change(
        world.settings.account_id,
        "AgentUpgradeConfig",
        {AgentUpgradeConfig: values},
        once=None,
    )


async def fleet(world: World, count: int) -> list[Machine]:
    """Whose agents have run for a while; in the order in which they are upgraded."""
    made = [await own_machine(world, f"web-{n}") for n in range(count)]
    for one in made:
        one.agent_age = timedelta(days=1)
        await world.machines.beat(one)
    return sorted(made, key=lambda one: one.instance_id)


async def states(world: World, machines: Sequence[Machine]) -> list[str]:
    """Of each, empty where there was none."""
    views = await world.control.upgrades.find([one.instance_id for one in machines])
    return [view.upgrade.state.value if view.upgrade else "" for view in views]


async def told(world: World, machine: Machine, kind: str) -> None:
    """Its agent says what has become of its upgrade, which it becomes."""
    if kind == UPGRADED:
        machine.package = world.releases.release.digest
        await world.machines.beat(machine)
    speaker = await world.machines.speaker(machine)
    await world.control.upgrades.report(speaker, Outcome(machine.orders[-1].id, kind, "no luck"))
    await world.settle()


def failing(*machines: Machine, kind: str = ROLLED_BACK) -> Upgrading:
    def upgrade(machine: Machine, order: Order) -> Outcome:
        return Outcome(order.id, kind if machine in machines else UPGRADED, "no luck")

    return upgrade


def offer(world: World, package: bytes) -> None:
    digest = hashlib.sha256(package).hexdigest()
    world.releases.release = replace(
        world.releases.release, version="0.3.0", package=package, digest=digest
    )


async def test_nothing_begins_by_itself_until_somebody_has_set_it(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        machines = await fleet(world, 2)
        await live(world, minutes=5)
        assert await world.control.upgrades.stance() is Stance.OFF
        assert await states(world, machines) == ["", ""]

        await configure(world, disable_upgrade=True)
        await live(world, minutes=2)
        assert await states(world, machines) == ["", ""]

        await configure(world, disable_upgrade=False)
        await live(world, seconds=LOOK)
        assert await states(world, machines) == ["Upgraded", "Upgraded"]
        views = await world.control.upgrades.find([one.instance_id for one in machines])
        assert all(view.upgrade is not None and view.upgrade.automatic for view in views)
        records = [link.record for link in await world.control.audit.after(0, limit=100)]
        asked = [one for one in records if one["action"] == "agent:Asked"]
        assert [one["who"] for one in asked] == ["AgentUpgradeConfig"] * 2


async def test_they_begin_when_a_window_opens_and_no_more_when_it_has_closed(
    tmp_path: Path,
) -> None:
    async with World(tmp_path) as world:
        machines = await fleet(world, 2)
        world.machines.upgrading = lambda machine, order: None
        opens = world.clock.now() + timedelta(minutes=3)
        window = f"{opens:%H:%M}-{opens + timedelta(hours=1):%H:%M}"
        await configure(
            world, enabled=True, allowed_upgrade_window=(window,), bootstrap_upgrade=False
        )
        await live(world, minutes=2)
        assert await states(world, machines) == ["", ""]
        await live(world, minutes=2)
        assert await states(world, machines) == ["Trying", ""]
        await told(world, machines[0], UPGRADED)
        assert await states(world, machines) == ["Upgraded", "Trying"]
        await told(world, machines[1], UPGRADED)
        offer(world, b"newer")
        await world.restart(after=timedelta(hours=1))
        await live(world, minutes=1)
        assert await world.control.upgrades.stance() is Stance.CLOSED
        assert await states(world, machines) == ["Upgraded", "Upgraded"]


async def test_an_agent_that_starts_is_upgraded_outside_the_windows(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        old, new = await fleet(world, 2)
        away = world.clock.now() + timedelta(hours=3)
        window = f"{away:%H:%M}-{away + timedelta(hours=1):%H:%M}"
        await configure(world, enabled=True, allowed_upgrade_window=(window,))
        new.agent_age = timedelta(minutes=1)
        await live(world, seconds=LOOK)
        assert await states(world, [old, new]) == ["", "Upgraded"]
        old.agent_age = STARTED_WITHIN + timedelta(minutes=1)
        await live(world, seconds=LOOK)
        assert await states(world, [old, new]) == ["", "Upgraded"]


async def test_the_first_is_alone_and_then_a_few_are_tried_at_once(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        machines = await fleet(world, AT_ONCE + 3)
        world.machines.upgrading = lambda machine, order: None
        await configure(world, enabled=False)
        await live(world, seconds=LOOK)
        assert (await states(world, machines)).count("Trying") == 1
        await told(world, machines[0], UPGRADED)
        assert await states(world, machines) == [
            "Upgraded",
            *["Trying"] * AT_ONCE,
            *[""] * 2,
        ]
        # Another control plane goes on where this one has ended, and begins no more beside.
        await world.restart()
        await live(world, seconds=LOOK)
        assert (await states(world, machines)).count("Trying") == AT_ONCE
        await told(world, machines[1], UPGRADED)
        assert await states(world, machines) == [
            *["Upgraded"] * 2,
            *["Trying"] * AT_ONCE,
            "",
        ]


@pytest.mark.parametrize("kind", [ROLLED_BACK, REFUSED])
async def test_a_failure_halts_it_until_there_is_another_release(tmp_path: Path, kind: str) -> None:
    async with World(tmp_path) as world:
        first, second = machines = await fleet(world, 2)
        world.machines.upgrading = failing(first, kind=kind)
        await configure(world, enabled=False)
        await live(world, minutes=2)
        ended = {ROLLED_BACK: "RolledBack", REFUSED: "Refused"}[kind]
        assert await states(world, machines) == [ended, ""]
        assert await world.control.upgrades.stance() is Stance.HALTED
        await world.restart()
        await live(world, minutes=2)
        assert len(first.orders) == 1 and not second.orders

        offer(world, b"mended")
        world.machines.upgrading = failing()
        await live(world, seconds=LOOK)
        assert await states(world, machines) == ["Upgraded", "Upgraded"]


async def test_whoever_upgrades_one_by_hand_has_it_go_on(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        first, _, third = machines = await fleet(world, 3)
        world.machines.upgrading = failing(first)
        await configure(world, enabled=False)
        await live(world, minutes=1)
        assert await states(world, machines) == ["RolledBack", "", ""]
        await world.control.upgrades.ask([third.instance_id])
        await live(world, minutes=2)
        # The one that failed is left to whoever sees to it.
        assert await states(world, machines) == ["RolledBack", "Upgraded", "Upgraded"]
        assert len(first.orders) == 1


async def test_to_try_the_one_that_failed_again_has_it_not_go_on(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        _, second, third = machines = await fleet(world, 3)
        world.machines.upgrading = failing(second)
        third.refusals = {"upgrades": "its window is closed"}  # its turn comes late
        await world.machines.beat(third)
        await configure(world, enabled=False)
        await live(world, minutes=1)
        assert await states(world, machines) == ["Upgraded", "RolledBack", ""]
        third.refusals = {}
        world.machines.upgrading = lambda machine, order: None
        await world.control.upgrades.ask([second.instance_id])
        await live(world, seconds=LOOK)
        assert await states(world, machines) == ["Upgraded", "Trying", ""]
        # What is refused says nothing of the release.
        await told(world, second, REFUSED)
        await live(world, seconds=LOOK)
        assert await states(world, machines) == ["Upgraded", "Refused", ""]
        assert await world.control.upgrades.stance() is Stance.HALTED

        await world.control.upgrades.ask([second.instance_id])
        await world.settle()
        world.machines.upgrading = failing()
        await told(world, second, UPGRADED)
        await live(world, seconds=LOOK)
        assert await states(world, machines) == ["Upgraded"] * 3


async def test_one_that_went_back_by_hand_halts_it_as_well(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        first, second = machines = await fleet(world, 2)
        world.machines.upgrading = failing(second)
        await world.control.upgrades.ask([second.instance_id])
        await world.settle()
        await configure(world, enabled=False)
        await live(world, minutes=2)
        assert await states(world, machines) == ["", "RolledBack"]
        assert not first.orders


async def test_a_machine_that_refuses_what_others_run_holds_up_nobody(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        _, second, _ = machines = await fleet(world, 3)
        world.machines.upgrading = failing(second, kind=REFUSED)
        await configure(world, enabled=False)
        await live(world, minutes=2)
        assert await states(world, machines) == ["Upgraded", "Refused", "Upgraded"]
        assert len(second.orders) == 1


async def test_who_cannot_be_upgraded_is_not_asked(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        _, strict, away, _ = machines = [
            await own_machine(world, "by-hand", upgradable=False),
            *await fleet(world, 3),
        ]
        strict.refusals = {"upgrades": "the machine refuses upgrades: agent.toml, line 1"}
        await world.machines.beat(strict)
        published, ours = await join(world), await world.instance()
        away.connected = False
        await world.control.agents.went(away.instance_id, for_good=True)
        await configure(world, enabled=False)
        await live(world, minutes=2)
        assert await states(world, machines) == ["", "", "", "Upgraded"]
        assert all(
            view.upgrade is None for view in await world.control.upgrades.find([published, ours])
        )
        # They are once they can be.
        away.connected = True
        strict.refusals = {}
        await live(world, minutes=2)
        assert await states(world, machines) == ["", "Upgraded", "Upgraded", "Upgraded"]


async def test_silence_halts_it_until_the_agent_tells_after_all(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        first, _ = machines = await fleet(world, 2)
        world.machines.upgrading = lambda machine, order: None
        await configure(world, enabled=False)
        await live(world, minutes=6)
        assert await states(world, machines) == [State.TIMED_OUT, ""]
        world.machines.upgrading = failing()
        await told(world, first, UPGRADED)
        assert await states(world, machines) == ["Upgraded", "Upgraded"]


async def test_one_that_fails_is_told_to_who_is_told_of_failures(tmp_path: Path) -> None:
    async with watched(tmp_path) as (world, receiver):
        first, second = await fleet(world, 2)
        world.machines.upgrading = failing(first, second)
        await world.control.upgrades.ask([first.instance_id])
        await live(world, seconds=5)
        assert receiver.told == []  # whoever asked for it looks
        offer(world, b"newer")
        await configure(world, enabled=False)
        await live(world, minutes=1)
        ((news,),) = receiver.told
        at, name = news.pop("at"), news.pop("instanceName")
        assert at and name.startswith("web-")
        assert news == {
            "event": "failed",
            "over": False,
            "about": first.instance_id,
            "status": "RolledBack",
            "release": "0.3.0",
            "look": f"cloudhand call DescribeAgentUpgrades InstanceId.1={first.instance_id}",
        }
