"""One line of the table: what was measured, and what it should be."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Figure:
    name: str
    value: float
    unit: str
    target: float
    raw: str  # the numbers that the value came from, in words
    better: Literal["lower", "higher"] = "lower"

    @property
    def met(self) -> bool:
        if self.better == "lower":
            return self.value <= self.target
        return self.value >= self.target

    def to_json(self) -> dict[str, object]:
        return {
            "name": self.name,
            "value": round(self.value, 3),
            "unit": self.unit,
            "target": self.target,
            "better": self.better,
        }


@dataclass(frozen=True, kw_only=True)
class NotMeasured:
    """A figure that this machine cannot give; it is in the table, and not in the results."""

    name: str
    reason: str


Outcome = Figure | NotMeasured


def middle(values: list[float], unit: str = "ms", factor: float = 1000.0) -> str:
    """``1.23 ms (1.10 to 1.50)``"""
    low, high = min(values) * factor, max(values) * factor
    return f"{median(values) * factor:.2f} {unit} ({low:.2f} to {high:.2f})"
