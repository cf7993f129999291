"""What an execution does next."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudhand.core.execution import Cancel, Event
from cloudhand.core.ids import ExecutionId, TaskExecutionId
from cloudhand.core.task import TASK, Loop, State, TaskExecution, Wait, counted
from cloudhand.orchestration import rate_control
from cloudhand.orchestration.conductor import (
    BeginItems,
    BeginTask,
    CancelTask,
    Decision,
    EndLoop,
    Finish,
    PauseLoop,
    decide,
)
from cloudhand.orchestration.model import END, NEXT, TaskSpec, Template

_NOW = datetime(2026, 1, 2, tzinfo=UTC)


def template(**tasks: dict[str, Any]) -> Template:
    return Template(
        tasks=tuple(
            TaskSpec(name=name, index=index, action="ACS::Pause", properties={}, **one)
            for index, (name, one) in enumerate(tasks.items())
        )
    )


def task(name: str, state: State = State.SUCCESS, **fields: Any) -> TaskExecution:
    return TaskExecution(
        id=TaskExecutionId(f"exec-1.{name}"),
        execution_id=ExecutionId("exec-1"),
        name=name,
        action="ACS::Pause",
        state=state,
        index=0,
        created_at=_NOW,
        updated_at=_NOW,
        **fields,
    )


_PLAIN = template(a={}, b={}, c={})
_HANDLED = template(a={"on_error": "c"}, b={}, c={"on_success": END}, d={})
_EASY = template(a={"critical": False, "on_error": NEXT}, b={})


@pytest.mark.parametrize(
    ("of", "tasks", "decision"),
    [
        (_PLAIN, [], BeginTask("a")),
        (_PLAIN, [task("a")], BeginTask("b")),
        (_PLAIN, [task("a"), task("b")], BeginTask("c")),
        (_PLAIN, [task("a"), task("b"), task("c")], Finish(Event.SUCCEEDED)),
        (_PLAIN, [task("a", State.SKIPPED)], BeginTask("b")),
        (_PLAIN, [task("a", State.RUNNING)], None),
        (_PLAIN, [task("a", State.WAITING)], None),
        (_PLAIN, [task("a", State.PENDING)], None),
        (_PLAIN, [task("a", following="c")], BeginTask("c")),
        (_PLAIN, [task("a", following=END)], Finish(Event.SUCCEEDED)),
        (_PLAIN, [task("a", following=NEXT)], BeginTask("b")),
        (
            _PLAIN,
            [task("a"), task("b", State.FAILED, error_code="Code", message="why")],
            Finish(Event.FAILED, "task b failed: Code: why"),
        ),
        (_PLAIN, [task("a", State.FAILED)], Finish(Event.FAILED, "task a failed: ")),
        (
            _PLAIN,
            [task("a", State.CANCELLED, message="no")],
            Finish(Event.CANCELLED, "task a: no"),
        ),
        (_HANDLED, [task("a")], BeginTask("b")),
        (_HANDLED, [task("a", State.FAILED)], BeginTask("c")),
        # What was handled failed all the same, whatever came of the handling.
        (
            _HANDLED,
            [task("a", State.FAILED, error_code="X"), task("c")],
            Finish(Event.FAILED, "task a failed: X"),
        ),
        (_HANDLED, [task("a"), task("b"), task("c")], Finish(Event.SUCCEEDED)),
        (_EASY, [task("a", State.FAILED)], BeginTask("b")),
        (_EASY, [task("a", State.FAILED), task("b")], Finish(Event.SUCCEEDED)),
        (
            _EASY,
            [task("a", State.FAILED), task("b", State.FAILED, message="m")],
            Finish(Event.FAILED, "task b failed: m"),
        ),
        # A skipped task leads on, whatever it would have led to.
        (template(a={"on_success": END}, b={}), [task("a", State.SKIPPED)], BeginTask("b")),
        (template(a={"on_cancel": "c"}, b={}, c={}), [task("a", State.CANCELLED)], BeginTask("c")),
        (
            template(a={"on_cancel": "c"}, b={}, c={}),
            [task("a", State.CANCELLED), task("c")],
            Finish(Event.CANCELLED, "task a: it was cancelled"),
        ),
        (
            template(a={"critical": False, "on_error": END}),
            [task("a", State.FAILED)],
            Finish(Event.SUCCEEDED),
        ),
    ],
)
def test_what_comes_next(
    of: Template, tasks: list[TaskExecution], decision: Decision | None
) -> None:
    assert decide(of, tasks, Cancel.NO) == decision


_RUNS = task("a", State.RUNNING)
_ENDS_SO = task("a", State.SUCCESS, cancel_asked=True)


@pytest.mark.parametrize(
    ("tasks", "cancel", "decision"),
    [
        ([], Cancel.ASKED, Finish(Event.CANCELLED, "it was cancelled")),
        ([task("a")], Cancel.ASKED, Finish(Event.CANCELLED, "it was cancelled")),
        ([_RUNS], Cancel.ASKED, CancelTask(_RUNS)),
        ([_RUNS], Cancel.HEARD, None),
        (
            [task("a", State.CANCELLED, cancel_asked=True, message="x")],
            Cancel.HEARD,
            Finish(Event.CANCELLED, "task a: x"),
        ),
        # It ended by itself before the cancellation reached it: the wish holds all the same.
        ([_ENDS_SO], Cancel.HEARD, Finish(Event.CANCELLED, "task a: it was cancelled")),
    ],
)
def test_a_cancellation(
    tasks: list[TaskExecution], cancel: Cancel, decision: Decision | None
) -> None:
    assert decide(_PLAIN, tasks, cancel) == decision


_RATE = rate_control.read({"Concurrency": 2, "MaxErrors": 1}, 5).kept()
_BATCH = rate_control.read(
    {"Mode": "Batch", "Batch": [2], "BatchPauseOption": "EveryBatchPause"}, 5
).kept()


def looped(state: State = State.RUNNING, rate: Any = None, **counts: Any) -> TaskExecution:
    fields = {key: counts.pop(key) for key in ("cancel_asked", "waits_for") if key in counts}
    return task("a", state, loop=Loop(rate=rate or _RATE, **{"total": 5, **counts}), **fields)


@pytest.mark.parametrize(
    ("one", "decision"),
    [
        (looped(), "begin 0-1"),
        (looped(begun=2, active=2), None),
        (looped(begun=3, active=1), "begin 3-3"),
        (looped(begun=5, active=1), None),
        (looped(begun=5, succeeded=5), State.SUCCESS),
        (looped(begun=5, succeeded=4, failed=1), State.SUCCESS),
        (looped(begun=3, active=1, failed=2), None),
        (looped(begun=3, failed=2), State.FAILED),
        (looped(total=0), State.SUCCESS),
        (looped(begun=2, cancelled=1, active=1), None),
        (looped(begun=2, cancelled=1, succeeded=1), State.CANCELLED),
        (looped(begun=5, active=1, cancel_asked=True), None),
        (looped(begun=5, cancelled=5, cancel_asked=True), State.CANCELLED),
        (looped(begun=5, succeeded=5, cancel_asked=True), State.CANCELLED),
        (looped(rate=_BATCH, begun=2, succeeded=2), "pause"),
        (looped(State.WAITING, rate=_BATCH, begun=2, waits_for=Wait.BATCH), None),
        (looped(rate=_BATCH, begun=2, passed=1), "begin 2-3"),
        (looped(State.WAITING, begun=0, waits_for=Wait.RISK), None),
    ],
)
def test_a_loop(one: TaskExecution, decision: Any) -> None:
    found = decide(_PLAIN, [one], Cancel.NO)
    match found:
        case BeginItems(of, items):
            assert (of, decision) == (one, f"begin {items[0]}-{items[-1]}")
        case PauseLoop(of):
            assert (of, decision) == (one, "pause")
        case EndLoop(of, state):
            assert (of, decision) == (one, state)
        case _:
            assert found is decision is None


def test_a_loop_that_fails_says_how_many_may() -> None:
    found = decide(_PLAIN, [looped(begun=3, failed=2, succeeded=1)], Cancel.NO)
    assert isinstance(found, EndLoop)
    assert found.message == "2 of 5 items failed, and at most 1 may"


# Whatever becomes of the tasks.

_NAMES = [f"t{number}" for number in range(8)]
_ENDS = [State.SUCCESS, State.FAILED, State.CANCELLED, State.SKIPPED]


@st.composite
def _templates(draw: st.DrawFn) -> Template:
    count = draw(st.integers(1, len(_NAMES)))
    tasks = {}
    for index in range(count):
        targets = st.sampled_from([NEXT, END, *_NAMES[index + 1 : count]])
        tasks[_NAMES[index]] = {
            "on_success": draw(targets),
            "on_error": draw(targets),
            "on_cancel": draw(targets),
            "critical": draw(st.booleans()),
        }
    return template(**tasks)


class _Life:
    """An execution whose tasks and items end as chance has it, and that may be cancelled."""

    def __init__(self, of: Template, chance: random.Random, cancel_at: int) -> None:
        self.of = of
        self.tasks: list[TaskExecution] = []
        self.cancel = Cancel.NO
        self._chance = chance
        self._cancel_at = cancel_at

    def to_its_end(self) -> Finish:
        for step in range(500):
            if step == self._cancel_at:
                self.cancel = Cancel.ASKED
            decision = decide(self.of, self.tasks, self.cancel)
            assert decide(self.of, self.tasks, self.cancel) == decision, "it looks at rows only"
            if isinstance(decision, Finish):
                return decision
            self._carry_out(decision)
        raise AssertionError("it does not end")

    def _carry_out(self, decision: Decision | None) -> None:
        match decision:
            case BeginTask(name):
                assert all(one.final for one in self.tasks), "two tasks at once"
                self._begin(name)
            case BeginItems(_, items):
                self._count([(State.PENDING, State.RUNNING)] * len(items))
            case PauseLoop(one):
                loop = one.loop
                assert loop is not None
                self._set(loop=replace(loop, passed=loop.passed + 1))
            case EndLoop(_, state):
                self._set(state=state)
            case CancelTask(one):
                self.cancel = Cancel.HEARD
                self._set(cancel_asked=True, **({} if one.loop else {"state": State.CANCELLED}))
            case _:
                self._end_something()

    def _begin(self, name: str) -> None:
        index = self.of.task(name).index
        begun = [self.of.task(one.name).index for one in self.tasks]
        assert all(index > one for one in begun), "tasks lead forward only"
        if self._chance.random() < 0.4:
            total = self._chance.randrange(6)
            rate = self._chance.choice(
                [{}, {"Concurrency": 3, "MaxErrors": 1}, {"Mode": "Batch", "Batch": [1, 2],
                 "BatchPauseOption": "EveryBatchPause", "MaxErrors": "50%"}]
            )  # fmt: skip
            kept = rate_control.read(rate, total).kept()
            one = task(name, State.RUNNING, loop=Loop(rate=kept, total=total))
        else:
            one = task(name, State.RUNNING)
        self.tasks.append(one)

    def _end_something(self) -> None:
        """One has to wait for what runs: it ends."""
        current = self.tasks[-1]
        assert not current.final
        if current.loop is None:
            self._set(state=self._chance.choice(_ENDS))
        else:
            assert current.loop.active
            self._count([(State.RUNNING, self._chance.choice(_ENDS))])

    def _count(self, moves: list[tuple[State, State]]) -> None:
        loop = self.tasks[-1].loop
        assert loop is not None
        for before, after in moves:
            loop = counted(loop, before, after)
        self._set(loop=loop)

    def _set(self, **changes: Any) -> None:
        self.tasks[-1] = replace(self.tasks[-1], **changes)


@given(_templates(), st.randoms(use_true_random=False), st.integers(-1, 40))
def test_any_sequence_of_outcomes_ends(of: Template, chance: random.Random, cancel_at: int) -> None:
    life = _Life(of, chance, cancel_at)
    finish = life.to_its_end()
    assert all(one.state in TASK.final for one in life.tasks)
    states = {one.name: one.state for one in life.tasks}
    failed = [
        name for name, state in states.items() if state is State.FAILED and of.task(name).critical
    ]
    cancelled = State.CANCELLED in states.values() or life.cancel is not Cancel.NO
    if cancelled:
        assert finish.event is Event.CANCELLED
    elif failed:
        assert finish.event is Event.FAILED
        assert finish.message.startswith(f"task {failed[0]} failed")
    else:
        assert finish == Finish(Event.SUCCEEDED)
