"""The state of a target and of a whole invocation."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import combinations_with_replacement

import pytest

from cloudhand.core.ids import InstanceId, InvokeId
from cloudhand.core.invocation import (
    TARGET,
    Event,
    Overall,
    State,
    Target,
    corrected,
    overall,
)
from cloudhand.core.machine import IllegalMove

NOW = datetime(2026, 1, 1, tzinfo=UTC)
GUESSED = Target(
    invoke_id=InvokeId("t-1"),
    instance_id=InstanceId("i-1"),
    state=State.ERROR,
    created_at=NOW,
    updated_at=NOW,
    deadline_at=None,
    inferred=True,
)


@pytest.mark.parametrize(
    "story, ends",
    [
        ("started succeeded", State.SUCCESS),
        ("succeeded", State.SUCCESS),  # the report of the start was lost
        ("started failed", State.FAILED),
        ("started overran", State.TIMEOUT),
        ("undelivered", State.ABORTED),
        ("cancelled", State.CANCELLED),
        ("refused", State.INVALID),
        ("verified", State.SUCCESS),
        ("started broke", State.ERROR),
        ("started gone", State.ERROR),
        ("started interrupted", State.ERROR),
        ("started stop_asked stopped", State.TERMINATED),
        ("started stop_asked succeeded", State.SUCCESS),  # the outcome wins over the stop
        ("stop_asked cancelled", State.CANCELLED),
        ("started stop_asked gone", State.ERROR),
    ],
)
def test_story(story: str, ends: State) -> None:
    state = TARGET.start
    for name in story.split():
        state = TARGET.move(state, Event[name.upper()])
    assert state is ends


@pytest.mark.parametrize("state", sorted(TARGET.final))
def test_final_states_hear_nothing(state: State) -> None:
    for event in Event:
        assert not TARGET.hears(state, event)
        with pytest.raises(IllegalMove):
            TARGET.move(state, event)


def test_what_started_is_never_undelivered_or_merely_cancelled() -> None:
    assert not TARGET.hears(State.RUNNING, Event.UNDELIVERED)
    assert not TARGET.hears(State.RUNNING, Event.CANCELLED)


S, F, E, T, A, C, K = (
    State.SUCCESS,
    State.FAILED,
    State.ERROR,
    State.TIMEOUT,
    State.ABORTED,
    State.CANCELLED,
    State.TERMINATED,
)


@pytest.mark.parametrize(
    "states, whole",
    [
        ([State.PENDING, State.RUNNING], Overall.PENDING),
        ([State.RUNNING, State.STOPPING], Overall.RUNNING),
        ([State.STOPPING, S], Overall.STOPPING),
        ([C, K], Overall.STOPPED),
        ([C, F], Overall.FAILED),
        ([S, K], Overall.SUCCESS),
        ([S, F], Overall.PARTIAL_FAILED),
        ([S, K, A], Overall.PARTIAL_FAILED),
        ([S, S], Overall.SUCCESS),
        ([F, E, T, A], Overall.FAILED),
    ],
)
def test_overall(states: list[State], whole: Overall) -> None:
    assert overall(states) is whole
    assert overall(reversed(states)) is whole


def test_overall_of_any_three_is_one_of_the_published_words() -> None:
    for states in combinations_with_replacement(State, 3):
        assert overall(states) in Overall


def test_testimony_corrects_only_what_was_inferred() -> None:
    assert corrected(GUESSED, Event.SUCCEEDED) is State.SUCCESS
    assert corrected(replace(GUESSED, stop_asked_at=NOW), Event.STOPPED) is State.TERMINATED
    with pytest.raises(IllegalMove):
        corrected(replace(GUESSED, inferred=False), Event.SUCCEEDED)
