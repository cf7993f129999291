"""How fast a loop begins its items, and when it gives up."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudhand.orchestration.rate_control import Pause, Progress, RateControl, of_kept, read


def rate(given: Any, count: int, pause: Pause = Pause.AUTOMATIC) -> dict[str, Any]:
    return read(given, count, pause=pause).kept()


@pytest.mark.parametrize(
    ("given", "count", "at_once", "max_errors"),
    [
        (None, 10, 1, 0),
        ({}, 10, 1, 0),
        ({"Mode": "Concurrency", "Concurrency": 4, "MaxErrors": 2}, 10, 4, 2),
        ({"Mode": "concurrency", "Concurrency": "4", "MaxErrors": "2"}, 10, 4, 2),
        ({"Mode": "", "Concurrency": 4.0}, 10, 4, 0),
        ({"Concurrency": "10%"}, 25, 2, 0),
        ({"Concurrency": "10%"}, 5, 1, 0),
        ({"Concurrency": "50 %"}, 5, 2, 0),
        ({"Concurrency": "100%", "MaxErrors": "100%"}, 7, 7, 7),
        ({"MaxErrors": "10%"}, 25, 1, 2),
        ({"MaxErrors": "10%"}, 9, 1, 0),
        ({"MaxErrors": "99%"}, 100, 1, 99),
        ({"MaxErrors": 100}, 5, 1, 100),
        ({"MaxErrors": None, "Concurrency": None}, 5, 1, 0),
        ({"MaxErrors": ""}, 5, 1, 0),
        ({"MaxErrors": "0,", "Concurrency": "3,", "Mode": "Concurrency"}, 5, 3, 0),
        ({"Concurrency": "0%"}, 5, 1, 0),
        ({"Concurrency": "10%"}, 0, 1, 0),
    ],
)
def test_concurrency(given: Any, count: int, at_once: int, max_errors: int) -> None:
    found = rate(given, count)
    assert found["at_once"] == (at_once,)
    assert found["max_errors"] == max_errors
    assert found["sizes"] == (max(count, 1),)
    assert found["pause"] is Pause.AUTOMATIC
    assert not found["strict"]


@pytest.mark.parametrize(
    ("given", "count", "sizes", "at_once"),
    [
        ({"Mode": "Batch", "Batch": [1, 2, 3]}, 10, (1, 2, 3), (20,)),
        ({"Mode": "batch", "Batch": ["10%", "50%"]}, 10, (1, 5), (20,)),
        ({"Mode": "Batch", "Batch": ["1%"]}, 10, (1,), (20,)),
        ({"Mode": "Batch", "Batch": 3}, 10, (3,), (20,)),
        ({"Mode": "Batch", "Batch": [2], "ConcurrencyInBatches": [1, "50%"]}, 10, (2,), (1, 5)),
        ({"Mode": "Batch", "Batch": [2], "ConcurrencyInBatches": 4}, 10, (2,), (4,)),
        # Of older loops a list under Concurrency is one of batches.
        ({"Legacy": True, "Concurrency": ["20%"]}, 10, (2,), (20,)),
        ({"Legacy": True, "Concurrency": [5]}, 10, (5,), (20,)),
        ({"Legacy": True, "Concurrency": [1, 2], "Mode": "Batch"}, 10, (1, 2), (20,)),
        ({"Legacy": True, "Concurrency": [1, 2], "Mode": "Concurrency"}, 10, (1, 2), (20,)),
    ],
)
def test_batches(given: Any, count: int, sizes: tuple[int, ...], at_once: tuple[int, ...]) -> None:
    found = rate(given, count)
    assert (found["sizes"], found["at_once"]) == (sizes, at_once)


def test_an_older_loop_without_batches() -> None:
    found = rate({"Legacy": True, "Concurrency": "50%", "MaxErrors": 1}, 10)
    assert (found["at_once"], found["max_errors"]) == ((5,), 1)


@pytest.mark.parametrize(
    ("given", "otherwise", "pause"),
    [
        ({}, Pause.AUTOMATIC, Pause.AUTOMATIC),
        ({}, Pause.EVERY, Pause.EVERY),
        ({"BatchPauseOption": ""}, Pause.FIRST, Pause.FIRST),
        ({"BatchPauseOption": "Automatic"}, Pause.EVERY, Pause.AUTOMATIC),
        ({"BatchPauseOption": "FirstBatchPause"}, Pause.EVERY, Pause.FIRST),
        ({"BatchPauseOption": "EveryBatchPause"}, Pause.AUTOMATIC, Pause.EVERY),
    ],
)
def test_the_template_says_itself_when_it_pauses(
    given: Any, otherwise: Pause, pause: Pause
) -> None:
    assert rate(given, 10, otherwise)["pause"] is pause


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ([], "RateControl must be a map, not []"),
        ("fast", 'RateControl must be a map, not "fast"'),
        ({"Speed": 1}, "RateControl has no Speed"),
        ({"concurrency": 1}, "RateControl has no concurrency"),
        ({"Mode": "Fast"}, 'Mode must be Concurrency or Batch, not "Fast"'),
        ({"Mode": 1}, "Mode must be Concurrency or Batch, not 1"),
        ({"Concurrency": 0}, "0 is less than 1"),
        ({"Concurrency": -1}, "-1 is less than 1"),
        ({"Concurrency": "many"}, '"many" is no number or percentage'),
        ({"Concurrency": "%"}, '"%" is no number or percentage'),
        ({"Concurrency": "101%"}, '"101%" is no number or percentage'),
        ({"Concurrency": "-1%"}, '"-1%" is no number or percentage'),
        ({"Concurrency": "1.5%"}, '"1.5%" is no number or percentage'),
        ({"Concurrency": 1.5}, "1.5 is no number or percentage"),
        ({"Concurrency": True}, "true is no number or percentage"),
        ({"Concurrency": [1]}, "[1] is no number or percentage"),
        ({"Concurrency": float("inf")}, "is no number or percentage"),
        ({"MaxErrors": -1}, "-1 is less than 0"),
        ({"MaxErrors": False}, "false is no number or percentage"),
        ({"MaxErrors": {}}, "{} is no number or percentage"),
        ({"Mode": "Batch"}, "Batch must be a list of numbers or percentages"),
        ({"Mode": "Batch", "Batch": []}, "Batch must be a list of numbers or percentages"),
        ({"Mode": "Batch", "Batch": [0]}, "0 is less than 1"),
        (
            {"Mode": "Batch", "Batch": [1], "ConcurrencyInBatches": []},
            "ConcurrencyInBatches must be",
        ),
        (
            {"BatchPauseOption": "Never"},
            "BatchPauseOption must be one of Automatic, FirstBatchPause",
        ),
        ({"Strict": "yes"}, "is neither true nor false"),
    ],
)
def test_what_is_refused(given: Any, told: str) -> None:
    with pytest.raises(ValueError) as refused:
        read(given, 10)
    assert told in str(refused.value)


def next_of(one: RateControl, *, total: int = 10, **progress: int) -> list[int] | Pause:
    found = one.next(Progress(total=total, **progress))
    return found if isinstance(found, Pause) else list(found)


_TWO = RateControl(sizes=(10,), at_once=(2,), max_errors=1)
_BATCHES = RateControl(sizes=(1, 3), at_once=(2, 5))
_PAUSED = RateControl(sizes=(2,), at_once=(5,), pause=Pause.EVERY)
_FIRST = RateControl(sizes=(2,), at_once=(5,), pause=Pause.FIRST)
_STRICT = RateControl(sizes=(10,), at_once=(5,), max_errors=2, strict=True)


@pytest.mark.parametrize(
    ("one", "progress", "found"),
    [
        (_TWO, {}, [0, 1]),
        (_TWO, {"begun": 2, "active": 2}, []),
        (_TWO, {"begun": 2, "active": 1}, [2]),
        (_TWO, {"begun": 5, "active": 0, "failed": 1}, [5, 6]),
        (_TWO, {"begun": 5, "active": 1, "failed": 2}, []),
        (_TWO, {"begun": 10}, []),
        (_TWO, {"begun": 9}, [9]),
        (_TWO, {"total": 0}, []),
        (_BATCHES, {}, [0]),
        (_BATCHES, {"begun": 1, "active": 1}, []),
        (_BATCHES, {"begun": 1}, [1, 2, 3]),
        (_BATCHES, {"begun": 2, "active": 1}, [2, 3]),
        (_BATCHES, {"begun": 4, "active": 1}, []),
        (_BATCHES, {"begun": 4}, [4, 5, 6]),
        (_BATCHES, {"begun": 7}, [7, 8, 9]),
        (_PAUSED, {}, [0, 1]),
        (_PAUSED, {"begun": 2, "active": 1}, []),
        (_PAUSED, {"begun": 2}, Pause.EVERY),
        (_PAUSED, {"begun": 2, "passed": 1}, [2, 3]),
        (_PAUSED, {"begun": 4, "passed": 1}, Pause.EVERY),
        (_PAUSED, {"begun": 4, "passed": 2}, [4, 5]),
        (_PAUSED, {"begun": 4, "failed": 1, "passed": 1}, []),
        (_PAUSED, {"begun": 10, "passed": 4}, []),
        (_FIRST, {"begun": 2}, Pause.FIRST),
        (_FIRST, {"begun": 2, "passed": 1}, [2, 3]),
        (_FIRST, {"begun": 4, "passed": 1}, [4, 5]),
        (_STRICT, {}, [0, 1, 2]),
        (_STRICT, {"begun": 3, "active": 3}, []),
        (_STRICT, {"begun": 3, "active": 2}, [3]),
        (_STRICT, {"begun": 3, "active": 1, "failed": 1}, [3]),
        (_STRICT, {"begun": 4, "active": 0, "failed": 2}, [4]),
        (_STRICT, {"begun": 4, "active": 1, "failed": 2}, []),
    ],
)
def test_what_begins(one: RateControl, progress: dict[str, int], found: Any) -> None:
    assert next_of(one, **progress) == found


@pytest.mark.parametrize(
    ("sizes", "batches"),
    [
        ((10,), [(0, 0)] * 10),
        (
            (1, 2, 3),
            [(0, 0), (1, 1), (1, 1), (2, 3), (2, 3), (2, 3), (3, 6), (3, 6), (3, 6), (4, 9)],
        ),
        ((4,), [(0, 0)] * 4 + [(1, 4)] * 4 + [(2, 8)] * 2),
    ],
)
def test_the_batch_of_an_item(sizes: tuple[int, ...], batches: list[tuple[int, int]]) -> None:
    one = RateControl(sizes=sizes, at_once=(1,))
    assert [one.batch(index) for index in range(10)] == batches


# What holds for whatever rate control, and whatever becomes of the items.

_SHARES = st.integers(1, 12) | st.integers(0, 100).map(lambda percent: f"{percent}%")
_ERRORS = st.integers(0, 12) | st.integers(0, 100).map(lambda percent: f"{percent}%")
_RATES = st.fixed_dictionaries(
    {"MaxErrors": _ERRORS, "Strict": st.booleans()},
    optional={"BatchPauseOption": st.sampled_from([pause.value for pause in Pause])},
).flatmap(
    lambda common: st.one_of(
        st.fixed_dictionaries({"Concurrency": _SHARES}),
        st.fixed_dictionaries(
            {
                "Mode": st.just("Batch"),
                "Batch": st.lists(_SHARES, min_size=1, max_size=4),
                "ConcurrencyInBatches": st.lists(_SHARES, min_size=1, max_size=4),
            }
        ),
    ).map(lambda pace: common | pace)
)


class _Run:
    """A loop whose items end in any order, each in success or failure."""

    def __init__(self, one: RateControl, total: int, chance: random.Random, fails: float) -> None:
        self.one = one
        self.total = total
        self.began: list[int] = []
        self.active: list[int] = []
        self.failed = 0
        self.passed = 0
        self.pauses: list[int] = []  # items that had begun then
        self._chance = chance
        self._fails = fails

    def progress(self) -> Progress:
        return Progress(
            total=self.total,
            begun=len(self.began),
            active=len(self.active),
            failed=self.failed,
            passed=self.passed,
        )

    def steps(self) -> None:
        while True:
            step = self.one.next(self.progress())
            if isinstance(step, Pause):
                assert not self.active
                self.pauses.append(len(self.began))
                self.passed += 1
            elif step:
                self.began += step
                self.active += step
                self.check()
            elif self.active:
                self.active.pop(self._chance.randrange(len(self.active)))
                self.failed += self._chance.random() < self._fails
            else:
                return

    def check(self) -> None:
        number, start = self.one.batch(self.began[-1])
        at_once = self.one.at_once[min(number, len(self.one.at_once) - 1)]
        assert len(self.active) <= at_once
        assert all(index >= start for index in self.active), "batches overlap"
        if self.one.strict:
            assert self.failed + len(self.active) <= self.one.max_errors + 1


@given(_RATES, st.integers(0, 40), st.randoms(use_true_random=False), st.sampled_from([0, 0.2, 1]))
def test_whatever_becomes_of_the_items(
    rate: dict[str, Any], total: int, chance: random.Random, fails: float
) -> None:
    one = read(rate, total)
    assert of_kept(json.loads(json.dumps(one.kept()))) == one
    run = _Run(one, total, chance, fails)
    run.steps()
    assert run.began == list(range(len(run.began))), "each item begins once, in its turn"
    assert run.failed <= one.max_errors or len(run.began) <= total
    if run.failed <= one.max_errors:
        assert len(run.began) == total
    if one.strict:
        assert run.failed <= one.max_errors + 1
    if one.pause is Pause.AUTOMATIC:
        assert run.pauses == []
    if one.pause is Pause.FIRST:
        assert len(run.pauses) <= 1
    for begun in run.pauses:
        assert one.batch(begun)[1] == begun, "it pauses between batches"


@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.integers(1, 60))
def test_batches_part_the_items(sizes: list[int], total: int) -> None:
    one = RateControl(sizes=tuple(sizes), at_once=(1,))
    found = [one.batch(index) for index in range(total)]
    numbers = [number for number, _ in found]
    assert numbers == sorted(numbers)
    assert set(numbers) == set(range(numbers[-1] + 1))
    for number in range(numbers[-1]):
        wanted = sizes[min(number, len(sizes) - 1)]
        assert numbers.count(number) == wanted
        assert {start for one, start in found if one == number} == {numbers.index(number)}


@given(st.integers(0, 100), st.integers(0, 1000))
def test_a_percentage_is_rounded_down_and_a_size_is_at_least_one(percent: int, count: int) -> None:
    found = read({"Concurrency": f"{percent}%", "MaxErrors": f"{percent}%"}, count)
    assert found.max_errors == count * percent // 100
    assert found.at_once == (max(count * percent // 100, 1),)
    assert found.max_errors * 100 <= count * percent


def test_strict_is_the_tighter_one() -> None:
    """Without it, all that run when the errors are used up may fail, too."""
    loose, strict = (
        _Run(
            read({"Concurrency": 10, "MaxErrors": 2, "Strict": is_strict}, 10),
            10,
            random.Random(1),
            1,
        )
        for is_strict in (False, True)
    )
    loose.steps()
    strict.steps()
    assert (loose.failed, strict.failed) == (10, 3)
