"""The rows of one execution as they are to be, and what of it is not written yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from cloudhand.core import ids
from cloudhand.core.clock import Clock
from cloudhand.core.execution import Event, Execution, moved, noted
from cloudhand.core.ids import ExecutionId, TaskExecutionId
from cloudhand.core.task import COUNTERS, TASK, TaskExecution, counted
from cloudhand.core.task import Event as TaskEvent
from cloudhand.core.task import State as TaskState
from cloudhand.core.task import moved as task_moved
from cloudhand.core.task import noted as task_noted
from cloudhand.orchestration import hiding
from cloudhand.orchestration.actions.library import Text
from cloudhand.orchestration.secrets import scrubbed
from cloudhand.store.executions import Held
from cloudhand.store.task_executions import Change
from cloudhand.store.transaction import Transaction

_SOURCE = "executions"


class Ledger:
    """``tasks``: those that have begun, in their order, without the items of loops."""

    def __init__(self, held: Held, tasks: Sequence[TaskExecution], clock: Clock) -> None:
        self.held = held
        self.execution = held.claim.item
        self.tasks = list(tasks)
        self._clock = clock
        self._secrets = hiding.texts(self.execution)
        self._written = self.execution
        self._events: list[tuple[Execution, Event | None, Execution]] = []
        self._clear()

    def _clear(self) -> None:
        self._new: list[TaskExecution] = []
        self._changes: list[Change] = []
        self._counted: set[TaskExecutionId] = set()  # looped tasks whose counts have changed
        self._texts: dict[str, str] = {}
        self._children: list[Execution] = []
        self._watches: list[tuple[str, TaskExecutionId, ExecutionId]] = []
        self._to_cancel: list[ExecutionId] = []
        self._left: list[tuple[TaskExecutionId, TaskEvent]] = []
        self._events = []

    @property
    def clean(self) -> bool:
        changed = self._changes or self._counted or self._new or self._events
        return not (changed or self._children or self._to_cancel)

    # Tasks

    def add(self, tasks: Sequence[TaskExecution]) -> None:
        """New tasks, whose turn has not come."""
        self._new += tasks
        self.tasks += [task for task in tasks if task.parent_id is None]

    def move(self, task: TaskExecution, event: TaskEvent, **changes: Any) -> TaskExecution:
        now = self._clock.now()
        if task.started_at is None and event is not TaskEvent.SKIPPED:
            changes = {"started_at": now, **changes}
        return self._changed(task, event, task_moved(task, event, at=now, **changes))

    def note(self, task: TaskExecution, **changes: Any) -> TaskExecution:
        return self._changed(task, None, task_noted(task, at=self._clock.now(), **changes))

    def _changed(
        self, before: TaskExecution, event: TaskEvent | None, after: TaskExecution
    ) -> TaskExecution:
        if after.message != before.message:
            after = replace(after, message=scrubbed(after.message, self._secrets))
        if before.parent_id is None:
            # What its items have made of it meanwhile goes with it.
            current = self.task(before.id)
            after = replace(after, loop=after.loop if after.loop != before.loop else current.loop)
            self._counted.discard(before.id)
            self._replace(after)
        elif event is not None:
            self._count(before.parent_id, before.state, after.state)
        self._changes.append(Change(before=before, event=event, after=after))
        return after

    def task(self, task_id: TaskExecutionId) -> TaskExecution:
        return next(task for task in self.tasks if task.id == task_id)

    def _replace(self, task: TaskExecution) -> None:
        at = next(at for at, one in enumerate(self.tasks) if one.id == task.id)
        self.tasks[at] = task

    def _count(self, task_id: TaskExecutionId, before: TaskState, after: TaskState) -> None:
        parent = self.task(task_id)
        assert parent.loop is not None
        loop = counted(parent.loop, before, after)
        self._replace(replace(parent, loop=loop))
        self._counted.add(task_id)

    def end_pending(self, task: TaskExecution, event: TaskEvent) -> None:
        """End the items of a looped task whose turn has not come."""
        assert task.loop is not None
        left = task.loop.total - task.loop.begun
        if not left:
            return
        self._left.append((task.id, event))
        counter = COUNTERS[TASK.move(TaskState.PENDING, event)]
        counts = {counter: getattr(task.loop, counter) + left, "begun": task.loop.total}
        self._replace(replace(self.task(task.id), loop=replace(task.loop, **counts)))
        self._counted.add(task.id)

    # What belongs to tasks

    def watch(self, task: TaskExecution, things: Sequence[str]) -> None:
        self._watches += [(thing, task.id, self.execution.id) for thing in things]

    def start_child(self, child: Execution, text: Text | None) -> None:
        """``text`` None: it is kept already."""
        if text is not None:
            self._texts[text.hash] = text.text
        self._children.append(child)

    def cancel_child(self, child_id: ExecutionId) -> None:
        self._to_cancel.append(child_id)

    # The execution

    def move_execution(self, event: Event, **changes: Any) -> None:
        after = moved(self.execution, event, at=self._clock.now(), **changes)
        after = replace(after, status_message=scrubbed(after.status_message, self._secrets))
        self._events.append((self.execution, event, after))
        self.execution = after

    def note_execution(self, **changes: Any) -> None:
        after = noted(self.execution, at=self._clock.now(), **changes)
        self._events.append((self.execution, None, after))
        self.execution = after

    # Writing

    async def write(self, tx: Transaction, *, lease_until: datetime) -> None:
        """Changed when the claim is lost, or somebody else has changed a row."""
        await tx.executions.renew(self.held, self._written.version, until=lease_until)
        # It begins before its tasks do, and ends after them.
        begun = [one for one in self._events[:1] if one[1] is Event.BEGUN]
        for before, heard, after in begun:
            await tx.executions.save(before, heard, after, source=_SOURCE)
        for text_hash, text in self._texts.items():
            await tx.templates.keep_text(text_hash, text)
        await tx.tasks.add(self._new)
        for child in self._children:
            await tx.executions.add(child)
        await tx.tasks.save([*self._changes, *self._counts()], source=_SOURCE)
        now = self._clock.now()
        for task_id, event in self._left:
            await tx.tasks.end_pending(task_id, event, at=now)
        await tx.watches.add(self._watches)
        for child_id in self._to_cancel:
            await tx.executions.ask_cancel(child_id, at=now)
        for before, heard, after in self._events[len(begun) :]:
            await tx.executions.save(before, heard, after, source=_SOURCE)

    def _counts(self) -> list[Change]:
        """May be asked again: a piece of work may be run twice."""
        found = []
        for task_id in sorted(self._counted):
            task = self.task(task_id)
            after = task_noted(task, at=self._clock.now())
            found.append(Change(before=task, event=None, after=after))
        return found

    def written(self) -> None:
        """It is durable now."""
        for change in self._counts():
            self._replace(change.after)
        self._written = self.execution
        self._clear()


def new_task(
    execution: Execution,
    *,
    name: str,
    action: str,
    index: int,
    at: datetime,
    hidden: tuple[hiding.Path, ...] = (),
) -> TaskExecution:
    return TaskExecution(
        id=ids.task_execution_id(execution.id, index),
        execution_id=execution.id,
        name=name,
        action=action,
        index=index,
        created_at=at,
        updated_at=at,
        hidden=hidden,
    )
