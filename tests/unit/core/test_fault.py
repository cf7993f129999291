"""Whom a fault strikes: by chance, and the same ones with the same seed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cloudhand.core.fault import LARGEST, Fault, Kind
from cloudhand.core.ids import FaultId, InstanceId


def fault(percent: int, seed: int = 0) -> Fault:
    return Fault(
        id=FaultId("fault-1"),
        kind=Kind.EXIT,
        percent=percent,
        seed=seed,
        made_at=datetime(2026, 1, 2, tzinfo=UTC),
    )


@pytest.mark.parametrize("percent", [1, 20, 50, 100])
def test_so_many_of_a_hundred_are_struck(percent: int) -> None:
    struck = [fault(percent).strikes(f"i-{number}") for number in range(10_000)]
    assert sum(struck) == pytest.approx(percent * 100, rel=0.2)


def test_a_seed_strikes_the_same_again_and_another_one_others() -> None:
    first, again, other = (
        [fault(50, seed).strikes(f"i-{number}") for number in range(64)] for seed in (1, 1, 2)
    )
    assert first == again != other


def test_a_fault_without_machines_is_meant_for_all() -> None:
    assert fault(100).meant_for(InstanceId("i-1"))


def test_every_kind_has_its_largest_value() -> None:
    assert set(LARGEST) == set(Kind)
