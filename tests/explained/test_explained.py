"""Whatever is in the way, the explanation names it: each situation is made, and then explained."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from cloudhand.core.errors import InstanceNotTargeted, ResourceNotFound
from cloudhand.core.explanation import Cause, Explanation, Kind, Owner
from cloudhand.core.ids import InstanceId
from tests.explained import commands, executions, power
from tests.explained.situation import SITUATIONS, Situation
from tests.machines import exit_with
from tests.world import World

# The modules that make them; to import one is to have its situations.
_MODULES = (commands, power, executions)
_OVER = (Cause.ENDED, Cause.NOTHING)
_FEW = 20
_SEED = os.environ.get("CLOUDHAND_TEST_SEED", "1")
_ALL = os.environ.get("CLOUDHAND_TEST_SITUATIONS") == "all"
_DRAWN = SITUATIONS if _ALL else random.Random(_SEED).sample(SITUATIONS, _FEW)


@pytest.mark.parametrize("made", _DRAWN, ids=lambda made: made.name)
async def test_the_cause_is_named(tmp_path: Path, made: Situation) -> None:
    async with World(tmp_path) as world:
        asked = await made.make(world)
        told = await asked.told(world)
        _check(told, made)
        assert told.since is None or told.since <= world.clock.now()
        if made.lasts:
            await world.restart()
            await world.settle()
            _check(await asked.told(world), made)


def _check(told: Explanation, made: Situation) -> None:
    assert (told.cause, told.owner) == (made.cause, made.owner), told
    assert told.because
    assert (told.until is not None) is bool(told.then), told
    assert told.cause not in _OVER or told.until is None


def test_there_are_a_hundred_and_each_cause_and_owner_is_among_them() -> None:
    assert {made.cause for made in SITUATIONS} == {*Cause}
    assert {made.owner for made in SITUATIONS} == {*Owner}
    assert len({made.name for made in SITUATIONS}) == len(SITUATIONS) >= 100


async def test_of_many_machines_it_is_said_how_many_and_each_that_is_not_done(
    tmp_path: Path,
) -> None:
    async with World(tmp_path) as world:
        first, second, third = await world.instances(3)
        world.machine(second).connected = False
        invoke_id = await world.run(first, second, third)
        await world.settle()
        found = await world.control.explanations.of_invocation(invoke_id)
        assert found[0].because == "1 of its 3 machines are not done"
        assert [(one.depth, one.instance_id == second) for one in found] == [
            (0, False), (1, True), (1, False), (1, False)
        ]  # fmt: skip
        (only,) = await world.control.explanations.of_invocation(invoke_id, third)
        assert only.cause is Cause.ENDED


async def test_who_waits_for_its_turn_is_told_of_the_one_that_has_it(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        first = await power.lost(world)
        second, third = await world.instances(2)
        world.machines.behave = exit_with(194)
        invoke_id = await world.run(second, third)
        await world.settle()
        whole, *parts = await world.control.explanations.of_invocation(invoke_id)
        assert whole.because == "all of its 2 machines are done; 2 are still to restart or stop"
        assert (whole.cause, whole.owner) == (Cause.PARTS, Owner.OTHERS)
        told = [(one.kind, one.depth, one.instance_id or one.id) for one in parts]
        assert told == [
            row
            for one in sorted([second, third])
            for row in (
                (Kind.TARGET, 1, one),
                (Kind.POWER_ACTION, 2, one),
                (Kind.INSTANCE, 3, first),
                (Kind.POWER_ACTION, 4, first),
            )
        ]


async def test_what_there_is_not_is_not_explained(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        invoke_id = await world.run(await world.instance())
        explanations = world.control.explanations
        with pytest.raises(InstanceNotTargeted):
            await explanations.of_invocation(invoke_id, InstanceId("i-none"))
        for asked in (
            explanations.of_invocation("t-none"),
            explanations.of_invocation("f-none"),
            explanations.of_instance(InstanceId("i-none")),
            explanations.of_execution("exec-none"),
        ):
            with pytest.raises(ResourceNotFound):
                await asked
