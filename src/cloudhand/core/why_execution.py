"""What an execution of a template waits for, and each of its tasks. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from cloudhand.core.execution import Cancel, Execution
from cloudhand.core.execution import State as ExecutionState
from cloudhand.core.explanation import Cause, Explanation, Fact, Kind, Owner
from cloudhand.core.task import State, TaskExecution, Wait, failure
from cloudhand.core.totals import OVERDUE_AFTER

_WAITS: Mapping[Wait, tuple[Cause, str, Owner]] = {
    Wait.APPROVAL: (Cause.APPROVAL, "it waits for an approval", Owner.PERSON),
    Wait.PAUSE: (Cause.PAUSE, "it waits to be let on", Owner.PERSON),
    Wait.RISK: (
        Cause.RISK,
        "it makes a call of high risk, which somebody has to confirm",
        Owner.PERSON,
    ),
    Wait.BATCH: (Cause.BATCH, "it waits before its next batch", Owner.PERSON),
    Wait.FAILURE: (
        Cause.FAILURE,
        "it failed, and waits to be tried again, skipped or cancelled",
        Owner.PERSON,
    ),
    Wait.TRIGGER: (Cause.TRIGGER, "it waits for its trigger", Owner.CLOCK),
    Wait.CHILD: (Cause.PARTS, "what is in it waits", Owner.OTHERS),
}


def of_execution(
    execution: Execution, open_tasks: Sequence[TaskExecution], now: datetime
) -> Explanation:
    """``open_tasks``: those of it that have not ended, which are explained beneath it."""
    cause, because, owner, since, until = _of(execution, open_tasks, now)
    return Explanation(
        kind=Kind.EXECUTION,
        id=execution.id,
        name=execution.template.name,
        state=execution.state.value,
        cause=cause,
        because=because,
        owner=owner,
        since=since,
        until=until,
        then="it is looked at" if until is not None else "",
        facts=[*_history(execution)],
    )


def _of(
    execution: Execution, open_tasks: Sequence[TaskExecution], now: datetime
) -> tuple[Cause, str, Owner, datetime | None, datetime | None]:
    if execution.final:
        because = execution.status_message or f"it is {execution.state.value}"
        return Cause.ENDED, because, Owner.NOBODY, execution.ended_at, None
    due_at = execution.due_at
    if due_at is not None and now > due_at + OVERDUE_AFTER:
        because = "it is due, and the control plane has not looked at it"
        return Cause.OVERDUE, because, Owner.CONTROL_PLANE, due_at, None
    if execution.cancel is not Cancel.NO:
        because = "somebody cancelled it, and what runs is being ended"
        return Cause.BEING_CANCELLED, because, Owner.CONTROL_PLANE, execution.updated_at, due_at
    if open_tasks:
        names = ", ".join(task.name for task in open_tasks)
        return Cause.PARTS, f"it is at {names}", Owner.OTHERS, execution.updated_at, None
    begins = execution.state in (ExecutionState.STARTED, ExecutionState.QUEUED)
    because = "it has not been begun yet" if begins else "what comes next is being worked out"
    return Cause.TAKEN_UP_SOON, because, Owner.CONTROL_PLANE, execution.updated_at, due_at


def _history(execution: Execution) -> Iterator[Fact]:
    yield Fact(text=f"{execution.executed_by} started it", at=execution.created_at)
    if execution.started_at is not None:
        yield Fact(text="it began", at=execution.started_at)


def of_task(task: TaskExecution, *, parts: int, now: datetime) -> Explanation:
    """Of a task, or an item of a loop, that has not ended. ``parts``: how many are explained
    beneath it."""
    cause, because, owner, until, then = _of_task(task, parts, now)
    return Explanation(
        kind=Kind.TASK,
        id=task.id,
        name=task.name if task.parent_id is None else f"{task.name} of {task.item}",
        state=task.state.value,
        cause=cause,
        because=because,
        owner=owner,
        since=task.updated_at,
        until=until,
        then=then,
        facts=[*_steps(task)],
    )


def _of_task(
    task: TaskExecution, parts: int, now: datetime
) -> tuple[Cause, str, Owner, datetime | None, str]:
    if task.final:
        return Cause.ENDED, failure(task) or f"it is {task.state.value}", Owner.NOBODY, None, ""
    if task.due_at is not None and now > task.due_at + OVERDUE_AFTER:
        because = "it is due, and the control plane has not looked at it"
        return Cause.OVERDUE, because, Owner.CONTROL_PLANE, None, ""
    if task.cancel_asked:
        because = "somebody cancelled it, and it is being ended"
        return Cause.BEING_CANCELLED, because, Owner.CONTROL_PLANE, task.due_at, ""
    if task.waits_for is not Wait.NOTHING:
        cause, because, owner = _WAITS[task.waits_for]
        then = "it fires" if cause is Cause.TRIGGER and task.due_at is not None else ""
        return cause, because, owner, task.due_at, then
    if task.state is State.PENDING:
        return Cause.TURN, "its turn in the loop has not come: RateControl", Owner.OTHERS, None, ""
    if task.loop is not None:
        loop = task.loop
        ended = loop.total - loop.active - (loop.total - loop.begun)
        because = f"{ended} of its {loop.total} items have ended, {loop.active} are at work"
        return Cause.PARTS, because, Owner.OTHERS, None, ""
    if parts:
        return Cause.PARTS, "what it started has not ended", Owner.OTHERS, None, ""
    because = "what it looks for has not come about"
    then = "it looks again" if task.due_at is not None else ""
    return Cause.LOOKS_AGAIN, because, Owner.CLOCK, task.due_at, then


def _steps(task: TaskExecution) -> Iterator[Fact]:
    yield Fact(text=f"it is {task.action}", at=task.started_at)
    if task.attempt > 1:
        yield Fact(text=f"it is tried for the {task.attempt}. time")
    for notice in task.notices:
        yield Fact(
            text=f"{notice.by} said {notice.type}{f': {notice.note}' if notice.note else ''}"
        )
    if task.message:
        yield Fact(text=failure(task))
