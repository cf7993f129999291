"""A few runs of the fault matrix with real agents, among which each step of a command is come to.

``python -m tests.faults.real`` makes all of them, and real restarts of instances besides.
"""

from __future__ import annotations

import os
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Literal

from cloudhand import faults
from cloudhand.cli.client import OOS
from tests.faults.checker import FAULTS
from tests.faults.real import boots
from tests.faults.real.arena import Arena
from tests.faults.real.cells import LIFE, OF_FILES, Cell, drawn, every
from tests.faults.tally import Tally

_SEED = int(os.environ.get("CLOUDHAND_TEST_SEED", "1"))
_SEATS = 6
_OF_UPGRADES = ("agent.upgrade-", "agent.trial-")  # tests/agent/test_upgrade.py kills at each
# Soon over, and needs no disk of its own.
_QUICK = ("SIGKILL agent", "SIGKILL agent and holder", "connection cut", "duplicate", "5xx",
          "clock +1 day")  # fmt: skip


# An execution that begins and ends.
_EXECUTION = """
FormatVersion: OOS-2019-06-01
Tasks:
  - {Name: wait, Action: ACS::Sleep, Properties: {duration: PT1S}}
"""


def _cells() -> list[Cell]:
    """One at each step of a restart and of a file, and a few others."""
    steps: list[tuple[str, Literal["exit 194", "file"]]] = [
        *((point, "exit 194") for point in LIFE),
        *((point, "file") for point in OF_FILES),
    ]
    along = [
        Cell(number=number, point=point, fault=_QUICK[number % 2], end=end, seed=_SEED)
        for number, (point, end) in enumerate(steps, start=1)
    ]
    others = [cell for cell in drawn(_SEED, 200) if cell.fault in _QUICK and cell.end != "timeout"]
    return [*along, *(replace(cell, number=cell.number + 1000) for cell in others[:4])]


def test_whatever_befalls_a_command_it_is_told_truly_and_no_step_is_left_out(
    tmp_path: Path,
) -> None:
    said: list[str] = []
    tally = Tally("real", _SEED)
    upgrades = {point for point in faults.POINTS if point.startswith(_OF_UPGRADES)}
    others = set(faults.POINTS) - upgrades

    with Arena(tmp_path, seats=_SEATS, disks=0) as arena:
        for point in others:
            arena.host.arm(point, on=not point.startswith("agent."))
        plane = arena.host.plane
        (instance_id,) = plane.instances()
        plane.client.call("StartExecution", {"TemplateContent": _EXECUTION}, version=OOS)
        arena.run(_cells(), tally, said.append)
        plane.release([instance_id])

    assert (tally.findings, arena.errors) == ([], []), said
    assert {*LIFE, *OF_FILES} <= set(tally.points()) - set(tally.never())
    assert others - set(arena.hooks.seen) == set(), "steps to which nothing comes"
    kills = (Path(__file__).parent.parent / "agent/test_upgrade.py").read_text()
    assert {point for point in upgrades if f'"{point}"' not in kills} == set()


def test_each_cell_has_names_that_are_listed() -> None:
    cells = every()
    assert len(cells) == len(set(cells))
    assert {point for point, _, _ in cells} <= set(faults.POINTS)
    assert {fault for _, fault, _ in cells} == set(FAULTS)


def test_the_order_is_given_by_the_seed() -> None:
    assert drawn(7, 50) == drawn(7, 50) != drawn(8, 50)
    assert len({cell.key for cell in drawn(7, len(every()))}) == len(every())


def test_cells_that_come_again_are_runs_of_their_own() -> None:
    meant = boots.cells(_SEED)

    some = list(islice(boots.again_and_again(meant), 3 * len(meant)))

    assert len({cell.name for cell in some}) == len(some)
    assert {cell.key for cell in some} == {cell.key for cell in meant}
