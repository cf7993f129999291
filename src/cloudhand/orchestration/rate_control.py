"""How fast a loop begins its items, and when it gives up.

A share of the items is rounded down, and is at least one where it is a size: ``10%`` of 25 items
are 2, of 5 items 1. As MaxErrors it is rounded down to nothing, if need be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cloudhand.orchestration.spelling import hint
from cloudhand.orchestration.values import shown, truth, whole

_IN_A_BATCH = 20  # at once, as documented
_KEYS = ("Mode", "MaxErrors", "Concurrency", "Batch", "ConcurrencyInBatches", "BatchPauseOption",
         "Strict")  # fmt: skip


class Pause(StrEnum):
    """Between which batches a person is waited for. The values are the language's."""

    AUTOMATIC = "Automatic"
    FIRST = "FirstBatchPause"
    EVERY = "EveryBatchPause"


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a loop is."""

    total: int
    begun: int = 0  # items begin in their order
    active: int = 0  # begun and not ended
    failed: int = 0
    passed: int = 0  # pauses that somebody has ended


@dataclass(frozen=True, kw_only=True)
class RateControl:
    """Of ``sizes`` and ``at_once`` the last one holds for all later batches."""

    sizes: tuple[int, ...]  # of batches
    at_once: tuple[int, ...]  # items, in each batch
    max_errors: int = 0  # failures that the loop bears
    pause: Pause = Pause.AUTOMATIC
    strict: bool = False  # never more at once than may still fail, and one

    def next(self, progress: Progress) -> range | Pause:
        """The items to begin now, none if one has to wait; or the pause that must end first.

        Items that have begun are left to end by themselves.
        """
        nothing = range(progress.begun, progress.begun)
        if progress.failed > self.max_errors or progress.begun == progress.total:
            return nothing
        number, start = self.batch(progress.begun)
        if number and progress.begun == start:
            if progress.active:
                return nothing
            if progress.passed < number and self._pauses_before(number):
                return self.pause
        free = _repeated(self.at_once, number) - progress.active
        if self.strict:
            free = min(free, self.max_errors + 1 - progress.failed - progress.active)
        end = min(start + _repeated(self.sizes, number), progress.total)
        return range(progress.begun, min(progress.begun + max(free, 0), end))

    def batch(self, index: int) -> tuple[int, int]:
        """The number of the batch that holds an item, from 0, and the item that it begins with."""
        start = 0
        for number, size in enumerate(self.sizes[:-1]):
            if index < start + size:
                return number, start
            start += size
        later = (index - start) // self.sizes[-1]
        return len(self.sizes) - 1 + later, start + later * self.sizes[-1]

    def _pauses_before(self, number: int) -> bool:
        return self.pause is Pause.EVERY or (self.pause is Pause.FIRST and number == 1)

    def kept(self) -> dict[str, Any]:
        """As JSON; ``of_kept`` reads it."""
        return vars(self)


def of_kept(kept: Mapping[str, Any]) -> RateControl:
    return RateControl(
        sizes=tuple(kept["sizes"]),
        at_once=tuple(kept["at_once"]),
        max_errors=kept["max_errors"],
        pause=Pause(kept["pause"]),
        strict=kept["strict"],
    )


def _repeated(values: tuple[int, ...], number: int) -> int:
    return values[min(number, len(values) - 1)]


def read(given: Any, count: int, *, pause: Pause = Pause.AUTOMATIC) -> RateControl:
    """The rate control of a loop over so many items; ValueError.

    ``given``: a map as documented, or None. ``pause`` holds where it does not say itself.
    """
    rate = {} if given is None else given
    if not isinstance(rate, Mapping):
        raise ValueError(f"RateControl must be a map, not {shown(given)}")
    strange = [key for key in rate if key not in (*_KEYS, "Legacy")]
    if strange:
        raise ValueError(f"RateControl has no {strange[0]}{hint(str(strange[0]), _KEYS)}")
    concurrency, errors = rate.get("Concurrency"), rate.get("MaxErrors")
    legacy = "Legacy" in rate and isinstance(concurrency, list)
    if _mode(rate.get("Mode"), legacy=legacy) == "batch":
        sizes = _shares(concurrency if legacy else rate.get("Batch"), "Batch", count)
        parallel = rate.get("ConcurrencyInBatches")
        at_once = _shares(
            [_IN_A_BATCH] if parallel is None else parallel, "ConcurrencyInBatches", count
        )
    else:
        sizes = (max(count, 1),)
        at_once = (_share(1 if concurrency is None else concurrency, count, least=1),)
    return RateControl(
        sizes=sizes,
        at_once=at_once,
        max_errors=0 if errors in (None, "") else _share(errors, count, least=0),
        pause=_pause(rate.get("BatchPauseOption"), pause),
        strict=truth(rate.get("Strict", False)),
    )


def _mode(given: Any, *, legacy: bool) -> str:
    if legacy:
        return "batch"
    mode = given.lower() if isinstance(given, str) else given
    if mode not in (None, "", "concurrency", "batch"):
        raise ValueError(f"Mode must be Concurrency or Batch, not {shown(given)}")
    return mode or "concurrency"


def _pause(given: Any, otherwise: Pause) -> Pause:
    if not given:
        return otherwise
    try:
        return Pause(given)
    except ValueError:
        known = ", ".join(Pause)
        raise ValueError(f"BatchPauseOption must be one of {known}, not {shown(given)}") from None


def _shares(given: Any, name: str, count: int) -> tuple[int, ...]:
    items = given if isinstance(given, list) else [given]
    if given is None or not items:
        raise ValueError(f"{name} must be a list of numbers or percentages")
    return tuple(_share(one, count, least=1) for one in items)


def _share(given: Any, count: int, *, least: int) -> int:
    """A number, or a percentage of the items; ValueError."""
    # Published templates have values with stray commas.
    written = given.strip(" ,") if isinstance(given, str) else given
    try:
        if isinstance(written, str) and written.endswith("%"):
            percent = whole(written[:-1])
            if not 0 <= percent <= 100:
                raise ValueError
            return max(count * percent // 100, least)
        number = whole(written)
    except ValueError:
        raise ValueError(f"{shown(given)} is no number or percentage") from None
    if number < least:
        raise ValueError(f"{shown(given)} is less than {least}")
    return number
