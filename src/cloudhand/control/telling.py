"""What somebody tells an execution, and which of its tasks hear it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from cloudhand.core.execution import Execution
from cloudhand.core.ids import ExecutionId
from cloudhand.core.orders import Word
from cloudhand.core.task import Event, Notice, TaskExecution, Wait, counted, moved, noted
from cloudhand.orchestration import values
from cloudhand.store.task_executions import Change
from cloudhand.store.transaction import Transaction

APPROVE, REJECT, RETRY, SKIP = "Approve", "Reject", "RetryTask", "SkipTask"
WORDS = (APPROVE, REJECT, RETRY, SKIP)
_APPROVABLE = (Wait.APPROVAL, Wait.PAUSE, Wait.RISK, Wait.BATCH)


async def waiting(tx: Transaction, execution: Execution, word: Word) -> list[TaskExecution]:
    """The tasks that wait for such a word and are meant by it, those of children at last.

    Whoever names a task that waits for its child execution means what waits there.
    """
    wanted = _APPROVABLE if word.type in (APPROVE, REJECT) else (Wait.FAILURE,)
    found = [
        task
        for task in await tx.tasks.waiting(execution.id)
        if task.waits_for in wanted and _meant(task, word)
    ]
    if found:
        return found
    below = []
    for task in await tx.tasks.waiting(execution.id):
        if task.waits_for is Wait.CHILD and task.child_id is not None:
            child = await tx.executions.get(task.child_id)
            inner = replace(word, task_ids=(), task_name="", loop_item="")
            if child is not None:
                below += await waiting(tx, child, inner if _named(task, word) else word)
    return below


def _named(task: TaskExecution, word: Word) -> bool:
    names = bool(word.task_ids or word.task_name or word.loop_item)
    return names and _meant(task, word)


def _meant(task: TaskExecution, word: Word) -> bool:
    if word.task_ids and task.id not in word.task_ids and task.parent_id not in word.task_ids:
        return False
    if word.task_name and task.name.lower() != word.task_name.lower():
        return False
    return not word.loop_item or values.text(task.item) == word.loop_item


async def tell(tx: Transaction, task: TaskExecution, word: Word, *, at: datetime) -> None:
    if word.type == SKIP:
        after = moved(task, Event.SKIPPED, at=at, message=f"{word.by} skipped it")
        await _save(tx, task, Event.SKIPPED, after)
    elif word.type == RETRY:
        after = moved(
            task,
            Event.WOKEN,
            at=at,
            attempt=task.attempt + 1,
            # What it is given is evaluated anew; what was confirmed stays so.
            memo={"anew": True, **{k: one for k, one in task.memo.items() if k == "heard"}},
            child_id=None,
            waits_for=Wait.NOTHING,
            error_code="",
            message="",
            due_at=at,
        )
        await _save(tx, task, Event.WOKEN, after)
    else:
        await note(tx, task, Notice(type=word.type, by=word.by, note=word.note), at=at)


async def note(tx: Transaction, task: TaskExecution, notice: Notice, *, at: datetime) -> None:
    """Have a task hear something at its next look, which is now."""
    after = noted(task, at=at, notices=(*task.notices, notice), due_at=at)
    await tx.tasks.save([Change(before=task, event=None, after=after)], source="caller")


async def give(
    tx: Transaction, execution_id: ExecutionId, properties: Mapping[str, Any], *, at: datetime
) -> None:
    """Have the trigger of an execution go on with other properties, if it goes on."""
    tasks = await tx.tasks.top(execution_id)
    if tasks and not tasks[0].final:
        after = noted(tasks[0], at=at, properties=properties, due_at=at)
        await tx.tasks.save([Change(before=tasks[0], event=None, after=after)], source="caller")


async def _save(tx: Transaction, task: TaskExecution, event: Event, after: TaskExecution) -> None:
    """With the count of the loop that it belongs to."""
    changes = [Change(before=task, event=event, after=after)]
    if task.parent_id is not None:
        parent = await tx.tasks.get(task.parent_id)
        assert parent is not None
        assert parent.loop is not None
        loop = counted(parent.loop, task.state, after.state)
        told = noted(parent, at=after.updated_at, loop=loop)
        changes.append(Change(before=parent, event=None, after=told))
    await tx.tasks.save(changes, source="caller")
