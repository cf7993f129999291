"""How often, and after which pauses, a task asks again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudhand.orchestration import retrying


def pauses(retries: int = 10, **given: Any) -> list[float]:
    retry = retrying.read(given, retries=retries)
    return [retry.pause(number).total_seconds() for number in range(1, retry.retries + 1)]


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ({}, [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]),
        ({"Retries": 2}, [2, 4]),
        ({"Retries": "3"}, [2, 4, 8]),
        ({"Retries": 0}, []),
        ({"Retries": None, "Delay": "", "MaxRetryInterval": 8}, [2, 4] + [8] * 8),
        ({"Retries": 12, "DelayType": "exponential"}, [2**n for n in range(1, 11)] + [1800] * 2),
        ({"Retries": 3, "DelayType": "Constant"}, [2, 2, 2]),
        ({"Retries": 3, "DelayType": "CONSTANT", "Delay": 5}, [5, 5, 5]),
        ({"Retries": 2, "DelayType": "Constant", "Delay": 3600}, [1800, 1800]),
        ({"Retries": 3, "DelayType": "Linear"}, [4, 6, 8]),
        ({"Retries": 3, "DelayType": "Linear", "Delay": 1, "BackOff": 10}, [11, 21, 31]),
        ({"Retries": 2, "DelayType": "Linear", "BackOff": 9, "MaxRetryInterval": 12}, [11, 12]),
        ({"Retries": 3.0, "DelayType": ""}, [2, 4, 8]),
    ],
)  # fmt: skip
def test_pauses(given: dict[str, Any], seconds: list[int]) -> None:
    assert pauses(**given) == seconds


def test_with_the_defaults_it_waits_about_34_minutes() -> None:
    assert sum(pauses()) == 2046


def test_as_the_action_that_runs_commands_has_it_it_waits_about_a_day() -> None:
    assert sum(pauses(Retries=296, MaxRetryInterval=300)) == 86910


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"Retries": -1}, "Retries: -1 is not from 0 to 300"),
        ({"Retries": 301}, "Retries: 301 is not from 0 to 300"),
        ({"Retries": "many"}, 'Retries: "many" is no whole number'),
        ({"Retries": 1.5}, "Retries: 1.5 is no whole number"),
        ({"Retries": float("inf")}, "is no whole number"),
        ({"Retries": True}, "is no whole number"),
        ({"Delay": 0}, "Delay: 0 is not from 1 to 3600"),
        ({"Delay": 3601}, "Delay"),
        ({"BackOff": 0}, "BackOff: 0 is not from 1 to 3600"),
        ({"MaxRetryInterval": 0}, "MaxRetryInterval: 0 is not from 1 to 1800"),
        ({"MaxRetryInterval": 1801}, "MaxRetryInterval"),
        ({"DelayType": "Random"}, '"Random" is none of Exponential, Constant, Linear'),
        ({"DelayType": 1}, "1 is none of Exponential, Constant, Linear"),
    ],
)
def test_what_is_refused(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError) as refused:
        retrying.read(given, retries=10)
    assert told in str(refused.value)


@given(
    st.integers(0, 300),
    st.sampled_from(["Exponential", "Constant", "Linear"]),
    st.integers(1, 3600),
    st.integers(1, 3600),
    st.integers(1, 1800),
)
def test_pauses_grow_up_to_the_longest(
    retries: int, kind: str, delay: int, back_off: int, longest: int
) -> None:
    found = pauses(
        Retries=retries, DelayType=kind, Delay=delay, BackOff=back_off, MaxRetryInterval=longest
    )
    assert len(found) == retries
    assert found == sorted(found)
    assert all(0 < one <= longest for one in found)


def test_a_pause_is_a_span() -> None:
    assert retrying.Retry(retries=1).pause(1000) == timedelta(seconds=1800)
