"""Upgrades of agents: asked for, handed out until they are told of, and ended in any case."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from cloudhand.core.errors import InstanceNotFound
from cloudhand.core.ids import InstanceId
from cloudhand.core.upgrade import State, Upgrade
from cloudhand.wire.release import REFUSED, ROLLED_BACK, UPGRADED, Outcome
from tests.machines import Machine
from tests.sessions import join, own_machine
from tests.world import World


async def last(world: World, machine: Machine) -> Upgrade:
    (view,) = await world.control.upgrades.find([machine.instance_id])
    assert view.upgrade is not None
    return view.upgrade


async def told(world: World, machine: Machine, outcome: Outcome) -> None:
    await world.control.upgrades.report(await world.machines.speaker(machine), outcome)


async def test_an_agent_is_told_and_tells(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        one = await own_machine(world, "web-1")
        (asked,) = await world.control.upgrades.ask([one.instance_id])
        assert asked.state is State.ASKED
        await world.settle()
        ended = await last(world, one)
        assert (ended.state, ended.reason, ended.deadline_at) == (State.UPGRADED, "", None)
        assert (ended.from_release, ended.to_release) == ("0.1.0", "0.2.0")
        (view,) = await world.control.upgrades.find([one.instance_id])
        assert view.agent is not None
        assert (view.agent.package, view.refusal) == (ended.to_package, "")
        assert [order.id for order in one.orders] == [ended.id]

        links = await world.control.audit.after(0, limit=100)
        assert "agent:Upgraded" in [link.record["action"] for link in links]


@pytest.mark.parametrize(
    ("outcome", "state"), [(ROLLED_BACK, State.ROLLED_BACK), (REFUSED, State.REFUSED)]
)
async def test_what_fails_is_told_with_its_reason(
    tmp_path: Path, outcome: str, state: State
) -> None:
    async with World(tmp_path) as world:
        one = await own_machine(world, "web-1")
        world.machines.upgrading = lambda machine, order: Outcome(order.id, outcome, "no luck")
        await world.control.upgrades.ask([one.instance_id])
        await world.settle()
        ended = await last(world, one)
        assert (ended.state, ended.reason) == (state, "no luck")
        # The next one is another, and what the last one says late changes nothing of it.
        world.machines.upgrading = lambda machine, order: None
        (again,) = await world.control.upgrades.ask([one.instance_id])
        assert again.id != ended.id
        await told(world, one, Outcome(ended.id, UPGRADED))
        await world.settle()
        assert (await last(world, one)).state is State.TRYING


async def test_what_is_under_way_goes_on(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        one = await own_machine(world, "web-1")
        world.machines.upgrading = lambda machine, order: None
        (first,) = await world.control.upgrades.ask([one.instance_id])
        await world.settle()
        (again,) = await world.control.upgrades.ask([one.instance_id])
        assert (again.id, again.state) == (first.id, State.TRYING)
        await world.restart()
        await world.settle()
        assert {order.id for order in one.orders} == {first.id}
        await told(world, one, Outcome(first.id, UPGRADED))
        await told(world, one, Outcome(first.id, ROLLED_BACK, "too late"))
        assert (await last(world, one)).state is State.UPGRADED


async def test_a_lost_kick_costs_time_alone(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        one = await own_machine(world, "web-1")
        one.connected = False
        await world.control.upgrades.ask([one.instance_id])
        await world.advance(seconds=5)
        one.connected = True
        await world.until(lambda: one.orders, at_most=60)
        await world.settle()
        assert (await last(world, one)).state is State.UPGRADED


@pytest.mark.parametrize(
    ("fetches", "reason"),
    [
        (False, "its agent did not fetch it in time"),
        (True, "its agent has not told what became of it"),
    ],
)
async def test_silence_ends_it_and_a_late_word_corrects_that(
    tmp_path: Path, fetches: bool, reason: str
) -> None:
    async with World(tmp_path) as world:
        one = await own_machine(world, "web-1")
        world.machines.upgrading = lambda machine, order: None
        one.connected = fetches
        (asked,) = await world.control.upgrades.ask([one.instance_id])
        await world.advance(minutes=5)
        late = await last(world, one)
        assert (late.state, late.reason) == (State.TIMED_OUT, reason)
        await told(world, one, Outcome(asked.id, ROLLED_BACK, "it hung"))
        corrected = await last(world, one)
        assert (corrected.state, corrected.reason) == (State.ROLLED_BACK, "it hung")


async def test_while_no_control_plane_was_there_nobody_was_silent(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        one = await own_machine(world, "web-1")
        world.machines.upgrading = lambda machine, order: None
        await world.control.upgrades.ask([one.instance_id])
        await world.settle()
        await world.restart(after=timedelta(hours=1))
        await world.advance(seconds=5)
        assert (await last(world, one)).state is State.TRYING


async def test_what_cannot_be_upgraded_ends_at_once(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        by_hand = (await own_machine(world, "by-hand", upgradable=False)).instance_id
        strict = await own_machine(world, "strict")
        strict.refusals = {"upgrades": "the machine refuses upgrades: agent.toml, line 1"}
        await world.machines.beat(strict)
        published, ours = await join(world), await world.instance()
        away = await own_machine(world, "away")
        await world.control.agents.went(away.instance_id, for_good=True)
        ids = [by_hand, strict.instance_id, published, ours, away.instance_id]
        asked = await world.control.upgrades.ask(ids)
        assert {one.state for one in asked} == {State.REFUSED}
        assert [one.reason.partition(",")[0] for one in asked] == [
            "its agent was not installed by the line of `cloudhand invite`",
            "the machine refuses upgrades: agent.toml",
            "its agent is a published one",
            "the instance is this control plane's",
            "its agent is offline",
        ]
        views = await world.control.upgrades.find(ids)
        assert [view.refusal for view in views] == [one.reason for one in asked]
        await world.settle()
        assert not strict.orders


async def test_nobody_is_asked_when_one_is_unknown(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        one = await own_machine(world, "web-1")
        with pytest.raises(InstanceNotFound):
            await world.control.upgrades.ask([one.instance_id, InstanceId("mi-nobody")])
        (view,) = await world.control.upgrades.find([one.instance_id])
        assert view.upgrade is None


async def test_it_goes_with_its_machine(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        one = await own_machine(world, "web-1")
        await world.control.upgrades.ask([one.instance_id])
        await world.settle()
        await world.control.managed.deregister(one.instance_id)
        rows = await world.database.read(lambda tx: tx.upgrades.of_many([one.instance_id]))
        assert rows == {}


async def test_what_is_offered_when_it_fetches_counts(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        one = await own_machine(world, "web-1")
        one.connected = False
        await world.control.upgrades.ask([one.instance_id])
        world.releases.release = replace(world.releases.release, version="0.3.0", manifest="{3}")
        one.connected = True
        world.machines.upgrading = lambda machine, order: None
        await world.until(lambda: one.orders, at_most=60)
        assert one.orders[0].manifest == "{3}"
        assert (await last(world, one)).to_release == "0.3.0"
