"""A few rounds of the fault matrix in virtual time; ``make faults`` plays them all."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from cloudhand import faults
from tests.faults.checker import FAULTS
from tests.faults.tally import Tally
from tests.faults.virtual.rounds import OF_ALL, OF_ONE, POINTS, Round, cells
from tests.faults.virtual.site import Site
from tests.faults.virtual.storm import Storm

_SEED = int(os.environ.get("CLOUDHAND_TEST_SEED", "1"))
_FEW = 20  # machines of the round, and of the storm


async def test_whatever_befalls_a_command_it_is_told_truly(tmp_path: Path) -> None:
    chance = random.Random(_SEED)
    some = next(one for one in cells(chance) if len(one) > len(OF_ALL) + _FEW)[:_FEW]
    tally = Tally("virtual", _SEED)
    async with Site(tmp_path, random.Random(_SEED)) as site:
        await site.made(_FEW)
        for one in await Round(site, some, chance).play():
            tally.add(one.run(), one.cell.point, one.cell.fault, one.hit)
    assert tally.findings == []
    assert tally.hits > _FEW / 2


@pytest.mark.parametrize("fault", [OF_ALL[_SEED % len(OF_ALL)]])
async def test_what_befalls_the_control_plane_is_healed(tmp_path: Path, fault: str) -> None:
    chance = random.Random(_SEED)
    some = next(cells(chance, faults=[fault]))
    tally = Tally("virtual", _SEED)
    async with Site(tmp_path, random.Random(_SEED)) as site:
        await site.made(len(some))
        for one in await Round(site, some, chance).play():
            tally.add(one.run(), one.cell.point, one.cell.fault, one.hit)
    assert tally.findings == []


async def test_nothing_begins_twice_in_a_storm(tmp_path: Path) -> None:
    chance = random.Random(_SEED)
    tally = Tally("virtual", _SEED)
    async with Site(tmp_path, random.Random(_SEED)) as site:
        await site.made(_FEW)
        storm = Storm(site, chance)
        for _ in range(2):
            await storm.wave(tally)
        assert site.fleet.dispatches >= tally.runs == 2 * _FEW
    assert tally.findings == []


def test_each_cell_has_names_that_are_listed() -> None:
    assert set(POINTS) <= set(faults.POINTS)
    assert set(OF_ONE) | set(OF_ALL) == set(FAULTS)
