"""How often, and after which pauses, a task asks again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from cloudhand.orchestration.values import shown, whole

# What stands on a task.
KEYS = ("Retries", "Delay", "DelayType", "BackOff", "MaxRetryInterval")


@dataclass(frozen=True, kw_only=True)
class Retry:
    retries: int
    delay_type: str = "exponential"  # constant, linear
    delay: int = 2  # seconds
    back_off: int = 2  # seconds
    longest: int = 1800  # seconds

    def pause(self, number: int) -> timedelta:
        """Before the retry of this number, from 1."""
        match self.delay_type:
            case "constant":
                seconds = self.delay
            case "linear":
                seconds = self.delay + self.back_off * number
            case _:
                seconds = 2 ** min(number, 20)
        return timedelta(seconds=min(seconds, self.longest))


def read(given: Mapping[str, Any], *, retries: int) -> Retry:
    """What stands on a task, with the documented defaults; ValueError."""
    kind = given.get("DelayType") or "Exponential"
    if not isinstance(kind, str) or kind.lower() not in ("exponential", "constant", "linear"):
        raise ValueError(f"DelayType: {shown(kind)} is none of Exponential, Constant, Linear")
    return Retry(
        retries=_within(given, "Retries", retries, range(301)),
        delay_type=kind.lower(),
        delay=_within(given, "Delay", 2, range(1, 3601)),
        back_off=_within(given, "BackOff", 2, range(1, 3601)),
        longest=_within(given, "MaxRetryInterval", 1800, range(1, 1801)),
    )


def _within(given: Mapping[str, Any], name: str, default: int, allowed: range) -> int:
    value = given.get(name)
    if value is None or value == "":
        return default
    try:
        number = whole(value)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    if number not in allowed:
        raise ValueError(f"{name}: {number} is not from {allowed[0]} to {allowed[-1]}")
    return number
