"""Who may restart next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cloudhand.core.governor import (
    SLOT,
    Budget,
    Event,
    Granted,
    Group,
    Refused,
    Slot,
    Standing,
    State,
    Wait,
    decide,
    foreign,
)
from cloudhand.core.ids import InstanceId, SlotId

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def group(name: str = "db", number: int = 1, **more: object) -> Group:
    return Group(name=name, budget=Budget(number=number), created_at=NOW, **more)  # type: ignore[arg-type]


def standing(of: Group | None = None, **found: object) -> Standing:
    empty = {"members": 0, "holders": (), "offline": (), "ahead": (), "lately": ()}
    return Standing(group=of or group(), **{**empty, **found})  # type: ignore[arg-type]


def why(*standings: Standing) -> str:
    word = decide(standings)
    assert isinstance(word, Wait)
    return word.why


def test_what_nothing_governs_may_restart_at_any_time() -> None:
    assert decide([]) == Granted(lease=None)


def test_there_is_room_for_as_many_as_the_budget_says() -> None:
    two = group(number=2)
    assert isinstance(decide([standing(two, holders=["i-1"])]), Granted)
    assert why(standing(two, holders=["i-1", "i-2"])) == (
        "waits for its turn in db (2 at a time): i-1 restarts, i-2 restarts"
    )


def test_machines_that_are_down_anyhow_take_from_the_budget_if_that_is_wanted() -> None:
    offline = [InstanceId("i-2")]
    assert why(standing(offline=offline)) == (
        "waits for its turn in db (1 at a time): i-2 is not online"
    )
    assert isinstance(decide([standing(group(counts_offline=False), offline=offline)]), Granted)


def test_one_that_restarts_and_is_offline_counts_once() -> None:
    both = standing(group(number=2), holders=["i-1"], offline=[InstanceId("i-1")])
    assert isinstance(decide([both]), Granted)


def test_who_asked_earlier_is_before_it() -> None:
    assert (
        why(standing(ahead=["i-2"])) == "waits for its turn in db (1 at a time): i-2 is before it"
    )


def test_only_some_of_many_are_named() -> None:
    many = [f"i-{number}" for number in range(9)]
    assert why(standing(holders=many)).endswith(
        "i-0 restarts, i-1 restarts, i-2 restarts and 6 more"
    )


def test_all_groups_must_have_room() -> None:
    rack = standing(group("rack"), holders=["i-9"])
    assert why(standing(), rack) == "waits for its turn in rack (1 at a time): i-9 restarts"
    assert why(standing(holders=["i-8"]), rack).count("; and in ") == 1


def test_the_shortest_lease_counts() -> None:
    short = group("rack", lease=timedelta(minutes=5))
    assert decide([standing(), standing(short)]) == Granted(lease=timedelta(minutes=5))


@pytest.mark.parametrize(
    "budget, members, room",
    [
        (Budget(number=3), 0, 3),
        (Budget(number=10, percent=True), 100, 10),
        (Budget(number=10, percent=True), 19, 1),
        (Budget(number=10, percent=True), 4, 1),  # else it could never restart
        (Budget(number=100, percent=True), 4, 4),
    ],
)
def test_a_share_is_of_the_machines_and_at_least_one(
    budget: Budget, members: int, room: int
) -> None:
    assert budget.room(members) == room


@pytest.mark.parametrize(
    "within, told",
    [
        (timedelta(hours=1), "1 h"),
        (timedelta(days=2), "2 d"),
        (timedelta(minutes=90), "90 min"),
        (timedelta(seconds=90), "90 s"),
    ],
)
def test_one_that_restarts_again_and_again_is_refused(within: timedelta, told: str) -> None:
    looping = group(restarts=3, within=within)
    lately = [NOW - timedelta(seconds=second) for second in (30, 20, 10)]
    assert isinstance(decide([standing(looping, lately=lately[1:])]), Granted)
    word = decide([standing(looping, lately=lately)])
    assert word == Refused(
        why=f"the governor's group db lets a machine restart 3 times within {told}, which it has"
        f" done; the next time may be at {lately[0] + within:%Y-%m-%d %H:%M:%S} UTC"
    )


def test_who_is_next_asks_more_often_than_who_is_behind() -> None:
    first = decide([standing(holders=["i-1"])])
    behind = decide([standing(holders=["i-1"], ahead=["i-2"])])
    assert isinstance(first, Wait) and isinstance(behind, Wait)
    assert first.again < behind.again


@pytest.mark.parametrize(
    "wanted, tags, governs",
    [
        ({}, {}, True),
        ({"role": "db"}, {"role": "db", "rack": "1"}, True),
        ({"role": "db"}, {"role": "web"}, False),
        ({"role": ""}, {"role": "web"}, True),
        ({"role": "db", "rack": "1"}, {"role": "db"}, False),
    ],
)
def test_a_machine_belongs_to_a_group_by_its_tags(
    wanted: dict[str, str], tags: dict[str, str], governs: bool
) -> None:
    assert group(tags=wanted).governs(tags) is governs


def slot(holder: str = "i-1", **more: object) -> Slot:
    given = {"id": SlotId("slot-1"), "group": "db", "why": "", "asked_at": NOW, "seen_at": NOW}
    return Slot(holder=holder, **{**given, **more})  # type: ignore[arg-type]


def test_who_has_not_asked_for_a_while_holds_up_nobody() -> None:
    assert slot().waits(NOW + timedelta(seconds=29))
    assert not slot().waits(NOW + timedelta(seconds=30))
    assert not slot(state=State.HELD).waits(NOW)


def test_what_another_tool_calls_a_machine_is_foreign() -> None:
    assert [foreign(one) for one in ("i-1", "mi-1", "c988d250")] == [False, False, True]


def test_who_waits_gives_up_by_every_end_that_a_holder_has() -> None:
    for event in Event:
        if event is not Event.GRANTED:
            assert SLOT.move(State.WAITING, event) is State.WITHDRAWN
            assert SLOT.move(State.HELD, event) not in (State.HELD, State.WITHDRAWN)
