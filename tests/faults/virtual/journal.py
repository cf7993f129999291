"""What a simulated machine has on its disk, and what of it is there after a power cut."""

from __future__ import annotations

import copy
import random
from dataclasses import dataclass, field

from cloudhand.wire import agent as wire


@dataclass
class Entry:
    """What an agent has journalled of one task."""

    boot_id: str
    started: bool = False
    report: wire.Report | None = None


@dataclass
class _Content:
    entries: dict[str, Entry] = field(default_factory=dict)
    acknowledged: dict[str, wire.Report] = field(default_factory=dict)
    ends: dict[str, int] = field(default_factory=dict)  # exit codes, as holders wrote them
    ending: dict[str, str] = field(default_factory=dict)  # as what the agent ends a script


class Disk:
    """``sync`` is what makes last; all else may be gone when the power is."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._now = _Content()
        self._safe = _Content()

    @property
    def entries(self) -> dict[str, Entry]:
        return self._now.entries

    @property
    def acknowledged(self) -> dict[str, wire.Report]:
        return self._now.acknowledged

    @property
    def ends(self) -> dict[str, int]:
        return self._now.ends

    @property
    def ending(self) -> dict[str, str]:
        return self._now.ending

    def sync(self, end_of: str = "") -> None:
        """Make the journal last, and how a script ended."""
        self._safe.entries = copy.deepcopy(self._now.entries)
        self._safe.acknowledged = dict(self._now.acknowledged)
        if end_of in self._now.ends:
            self._safe.ends[end_of] = self._now.ends[end_of]

    def cut(self) -> None:
        """The power goes: what was not synced is lost, or by chance is not."""
        if self._chance.random() < 0.5:
            self._now = copy.deepcopy(self._safe)
        else:
            self._safe = copy.deepcopy(self._now)
