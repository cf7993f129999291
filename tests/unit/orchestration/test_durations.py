"""Spans of time as templates write them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudhand.orchestration import durations


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("PT5M", 300),
        ("pt5m", 300),
        ("PT1H2M3S", 3723),
        ("1M", 60),
        ("4m", 240),
        ("3s", 3),
        ("10S", 10),
        ("1H2M", 3720),
        ("T5S", 5),
        ("P1D", 86400),
        ("P1DT1S", 86401),
        ("1d", 86400),
        ("P2W", 1209600),
        ("PT90M", 5400),
        ("PT0S", 0),
        (" PT5M\n", 300),
        ("0H30M", 1800),
    ],
)
def test_span(text: str, seconds: int) -> None:
    assert durations.parse(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    ["", "P", "PT", "T", "5", "PT5", "M", "-PT5M", "PT-5M", "PT5M3H", "P1Y", "PT1.5S", "5 m",
     "PT5M PT5M", "٣S", "PT" + "9" * 8 + "S", "five minutes", "PT5M" * 20_000, "9" * 60_000],
)  # fmt: skip
def test_what_is_no_span(text: str) -> None:
    with pytest.raises(ValueError, match="is no span of time like PT5M"):
        durations.parse(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "PT0S"), (1, "PT1S"), (60, "PT1M"), (3600, "PT1H"), (3661, "PT1H1M1S"), (86400, "PT24H"),
     (30600, "PT8H30M"), (0.9, "PT0S")],
)  # fmt: skip
def test_it_is_spelled(seconds: float, text: str) -> None:
    assert durations.spell(timedelta(seconds=seconds)) == text


@given(st.integers(0, 10**10))
def test_what_is_spelled_is_read(seconds: int) -> None:
    span = timedelta(seconds=seconds)
    assert durations.parse(durations.spell(span)) == span


@given(st.text())
def test_any_text_is_a_span_or_refused(text: str) -> None:
    try:
        assert durations.parse(text) >= timedelta()
    except ValueError:
        pass
