"""Which runs there are: a point, a fault and an end each, in an order that a seed gives."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tests.faults.checker import ENDS, FAULTS, End

LIFE = (
    "agent.before-journal", "agent.after-journal", "agent.spawn", "agent.spawned", "agent.exit",
    "agent.spool", "agent.report", "agent.ack", "agent.before-power", "agent.power",
    "agent.after-power",
)  # fmt: skip
_PLANE = ("plane.asked", "plane.recorded", "plane.handed-out", "plane.heard", "plane.stored",
          "plane.beat", "store.commit")  # fmt: skip
OF_FILES = ("agent.file-written", "agent.file-placing", "agent.file-placed")
_ON_DISK = ("disk full", "read-only disk", "power cut")

_POWER: tuple[End, ...] = ("exit 193", "exit 194")
# Where not every end leads.
_LEADS: dict[str, tuple[End, ...]] = {
    "agent.exit": ("exit 0", "exit 3", *_POWER),
    "agent.before-power": _POWER,
    "agent.power": _POWER,
    "agent.after-power": _POWER,
    "plane.beat": ("exit 194", "reboot"),
}
# The clock of a control plane is the clock of all its machines, none of which is its bystander;
# virtual time is the place for that.
_NEVER = {(point, fault) for point in _PLANE for fault in FAULTS if fault.startswith("clock")}


@dataclass(frozen=True, kw_only=True)
class Cell:
    number: int
    point: str
    fault: str
    end: End | Literal["file"]  # what a script does; or a file is sent instead
    seed: int

    @property
    def name(self) -> str:
        return f"run-{self.number:05}"

    @property
    def on_disk(self) -> bool:
        """Whether it takes a disk that can be spoilt."""
        return self.fault in _ON_DISK

    @property
    def key(self) -> str:
        return f"{self.point}|{self.fault}|{self.end}"

    def chance(self) -> random.Random:
        return random.Random(f"{self.seed} {self.number} {self.key}")


Key = tuple[str, str, End | Literal["file"]]


def every() -> list[Key]:
    """All that may be hit."""
    of_files: list[Key] = [(point, fault, "file") for point in OF_FILES for fault in FAULTS]
    return of_files + [
        (point, fault, end)
        for point in (*LIFE, *_PLANE)
        for fault in FAULTS
        for end in _LEADS.get(point, ENDS)
        if (point, fault) not in _NEVER
    ]


def drawn(
    seed: int,
    count: int,
    points: Sequence[str] = (),
    *,
    faults: Sequence[str] = (),
    disks: bool = True,
) -> list[Cell]:
    """So many, each once before any comes again.

    ``points``, ``faults``: only these; ``disks``: whether there are any that can be spoilt.
    """
    chance = random.Random(f"cells {seed}")
    there = [key for key in every() if not points or key[0] in points]
    there = [key for key in there if not faults or key[1] in faults]
    there = [key for key in there if disks or key[1] not in _ON_DISK]
    keys: list[Key] = []
    while len(keys) < count:
        chance.shuffle(there)
        keys += there
    return [
        Cell(number=number, point=point, fault=fault, end=end, seed=seed)
        for number, (point, fault, end) in enumerate(keys[:count], start=1)
    ]
