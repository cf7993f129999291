"""Memory and descriptors over time, and what they grow by in an hour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any

_PART = 5  # begin and end are medians of the first and of the last fifth


@dataclass(frozen=True, kw_only=True)
class Sample:
    at: float  # seconds since the begin
    plane_pss: int  # bytes
    plane_descriptors: int
    agent_pss: float  # mean
    agent_descriptors: float
    agents: int  # that were counted


def growth(samples: Sequence[Sample]) -> dict[str, Any]:
    """Begin, end and slope (least squares) of each; empty without samples."""
    if not samples:
        return {}
    part = max(len(samples) // _PART, 1)
    found = {}
    for name, unit, factor in (
        ("plane_pss", "mib", 2**-20),
        ("plane_descriptors", "", 1.0),
        ("agent_pss", "mib", 2**-20),
        ("agent_descriptors", "", 1.0),
    ):
        values = [getattr(sample, name) * factor for sample in samples]
        found[f"{name}_{unit}".rstrip("_")] = {
            "begin": round(median(values[:part]), 2),
            "end": round(median(values[-part:]), 2),
            "highest": round(max(values), 2),
            "an_hour": round(_slope([sample.at for sample in samples], values) * 3600, 2),
        }
    return found


def _slope(moments: Sequence[float], values: Sequence[float]) -> float:
    mean_moment, mean_value = fmean(moments), fmean(values)
    spread = sum((moment - mean_moment) ** 2 for moment in moments)
    if not spread:
        return 0.0
    pairs = zip(moments, values, strict=True)
    return sum((at - mean_moment) * (value - mean_value) for at, value in pairs) / spread
