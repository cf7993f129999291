"""Counts runs that faults befell, by cell, and keeps what the checker found."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import asdict
from typing import Any

from tests.faults.checker import KINDS, Finding, Run, Sent, check

_SHOWN = 20  # findings


class Tally:
    """A cell is a point, a fault and an end; it counts only if its point was hit."""

    def __init__(self, tier: str, seed: int) -> None:
        self.tier = tier
        self.seed = seed
        self.runs = 0  # all that were made and checked
        self.boots = 0  # of sandbox instances
        self.cells: Counter[str] = Counter()  # "point|fault|end": runs whose point was hit
        self.missed: Counter[str] = Counter()  # runs whose point was not
        self.findings: list[tuple[Finding, str]] = []  # with the cell that each is of
        self._began = time.monotonic()
        self._seconds = 0.0  # of those that were merged

    @property
    def hits(self) -> int:
        return self.cells.total()

    @property
    def seconds(self) -> float:
        return self._seconds or time.monotonic() - self._began

    def add(self, run: Run | Sent, point: str, fault: str, hit: bool) -> list[Finding]:
        """Check a run and count it; what was found."""
        cell = f"{point}|{fault}|{run.end}"
        self.runs += 1
        (self.cells if hit else self.missed)[cell] += 1
        found = check(run)
        self.findings += [(finding, cell) for finding in found]
        return found

    def merge(self, other: Tally) -> None:
        """Take over what another one counted, at the same time or afterwards."""
        self.runs += other.runs
        self.boots += other.boots
        self.cells += other.cells
        self.missed += other.missed
        self.findings += other.findings

    def points(self) -> dict[str, int]:
        """How often each point was hit by a run that was meant for it; 0 for one never hit."""
        hit = {cell.split("|")[0]: 0 for cell in (*self.cells, *self.missed)}
        for cell, count in self.cells.items():
            hit[cell.split("|")[0]] += count
        return dict(sorted(hit.items()))

    def never(self) -> list[str]:
        """Points that runs were meant for, and none has hit."""
        return [point for point, count in self.points().items() if not count]

    def counts(self) -> dict[str, int]:
        """Findings of each kind."""
        kinds = Counter(finding.kind for finding, _ in self.findings)
        return {kind: kinds[kind] for kind in KINDS}

    def to_json(self) -> dict[str, Any]:
        return {
            "seed": self.seed,
            "tier": self.tier,
            "runs": self.runs,
            "hits": self.hits,
            **self.counts(),
            "boots": self.boots,
            "cells": dict(sorted(self.cells.items())),
            "missed": dict(sorted(self.missed.items())),
            "points": self.points(),
            "findings": [{**asdict(finding), "cell": cell} for finding, cell in self.findings],
            "seconds": round(self.seconds, 1),
        }

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> Tally:
        tally = cls(told["tier"], told["seed"])
        tally.runs, tally.boots = told["runs"], told["boots"]
        tally.cells, tally.missed = Counter(told["cells"]), Counter(told["missed"])
        for one in told["findings"]:
            tally.findings.append((Finding(**{n: one[n] for n in ("kind", "why", "run")}),
                                   one["cell"]))  # fmt: skip
        tally._seconds = told["seconds"]
        return tally

    def say(self) -> str:
        """A table for a person: each point's hits, by fault."""
        table: dict[str, Counter[str]] = {}
        for cell, count in self.cells.items():
            point, fault, _ = cell.split("|")
            table.setdefault(point, Counter())[fault] += count
        faults = sorted({fault for row in table.values() for fault in row})
        wide = max([len("point"), *map(len, table)])
        lines = [f"{fault_number}: {fault}" for fault_number, fault in enumerate(faults, start=1)]
        head = "".join(f"{number:>6}" for number in range(1, len(faults) + 1))
        lines += ["", f"{'point':<{wide}}{head}   all"]
        for point in sorted(table):
            row = "".join(f"{table[point][fault] or '.':>6}" for fault in faults)
            lines.append(f"{point:<{wide}}{row}{table[point].total():>6}")
        made = f"{self.tier}, seed {self.seed}: {self.runs} runs"
        lines += [
            "",
            f"{made}, {self.hits} hit their point; {self.boots} boots; {self.seconds:.0f} s",
            ", ".join(f"{kind} {count}" for kind, count in self.counts().items()),
        ]
        if self.never():
            lines.append(f"never hit: {', '.join(self.never())}")
        lines += [f"{finding} ({cell})" for finding, cell in self.findings[:_SHOWN]]
        if len(self.findings) > _SHOWN:
            lines.append(f"and {len(self.findings) - _SHOWN} more")
        return "\n".join(lines)
