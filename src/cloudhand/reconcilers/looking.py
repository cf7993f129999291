"""Look at tasks that are due: perform their actions, and record what came of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, assert_never

from cloudhand.core import ids
from cloudhand.core.execution import Cancel, Execution, Mode, State
from cloudhand.core.ids import ExecutionId
from cloudhand.core.task import Event as TaskEvent
from cloudhand.core.task import Loop, TaskExecution, Wait
from cloudhand.core.task import State as TaskState
from cloudhand.orchestration import action as actions
from cloudhand.orchestration import selectors, values
from cloudhand.orchestration.action import (
    Again,
    Cancelled,
    Done,
    Failed,
    Fires,
    Outcome,
    Task,
    Waits,
)
from cloudhand.orchestration.evaluation import EvaluationError, NotStored
from cloudhand.orchestration.model import TaskSpec, Template
from cloudhand.orchestration.programs import ProgramError
from cloudhand.reconcilers.beginning import Beginning
from cloudhand.reconcilers.ledger import Ledger
from cloudhand.reconcilers.means import Means
from cloudhand.reconcilers.scopes import Scopes
from cloudhand.reconcilers.sending import Sending
from cloudhand.store.database import StoreError
from cloudhand.store.transaction import Transaction

log = logging.getLogger(__name__)

_APPROVE, _REJECT = "Approve", "Reject"


class _Gone:
    """The child execution of a task was deleted."""


Seen = Outcome | Execution | _Gone | None


class Looking:
    def __init__(
        self, means: Means, template: Template, ledger: Ledger, scopes: Scopes, begin: Beginning
    ) -> None:
        self._means = means
        self._template = template
        self._ledger = ledger
        self._scopes = scopes
        self._begin = begin

    async def at(self, tasks: Sequence[TaskExecution]) -> None:
        """One look at each at once; what came of it is recorded in the order of the tasks."""
        seen = await asyncio.gather(*(self._seen(task) for task in tasks))
        for task, one in zip(tasks, seen, strict=True):
            await self._record(self._current(task), one)

    def _current(self, task: TaskExecution) -> TaskExecution:
        return task if task.parent_id else self._ledger.task(task.id)

    async def _seen(self, task: TaskExecution) -> Seen:
        """What a look gives that may take its time."""
        if _waits_for_word(task) or task.memo.get("anew"):
            return None
        spec = self._template.task(task.name)
        message = self._ledger.execution.triggered
        if message is not None and spec is self._template.trigger:
            return Done(message["message"])
        if task.child_id is not None:
            return await self._child(task.child_id)
        return None if spec.embedded else await self._performed(task, spec)

    async def _child(self, child_id: ExecutionId) -> Seen:
        async def work(tx: Transaction) -> Execution | None:
            return await tx.executions.get(child_id)

        return await self._means.database.read(work) or _Gone()

    async def _performed(self, task: TaskExecution, spec: TaskSpec) -> Outcome:
        found = self._means.actions.get(spec.action)
        if found is None:
            return Failed("UnsupportedAction", f"{spec.action} is not served here")
        told = self._told(task)
        try:
            outcome = await actions.looked(found, told, task.properties)
        except StoreError:
            raise
        except Exception as error:  # an outermost loop: one action must not end the others
            if task.hidden:  # the words of the error may be what is hidden
                log.error("action failed", extra={"task": task.id, "error": type(error).__name__})
            else:
                log.exception("action failed", extra={"task": task.id})
            return Failed("InternalError", "the action failed in a way that it should not")
        return outcome

    def _told(self, task: TaskExecution) -> Task:
        execution = self._ledger.execution
        return Task(
            id=task.id,
            execution_id=execution.id,
            name=task.name,
            item=task.item,
            attempt=task.attempt,
            began_at=_began(task),
            now=self._means.clock.now(),
            memo=task.memo.get("own", {}),
            retry=task.memo.get("retry", {}),
            notices=task.notices,
            region_id=execution.region_id,
            call=self._means.caller_of(execution, task),
            send=Sending(self._means, execution),
            programs=self._means.programs,
        )

    # What came of it

    async def _record(self, task: TaskExecution, seen: Seen) -> None:
        if isinstance(seen, Execution):
            seen = self._of_child(task, seen)
        elif isinstance(seen, _Gone):
            seen = self._of_lost_child(task)
        elif seen is None:
            seen = await self._heard(task)
        task = self._current(task)
        if self._overdue(task) and (seen is None or isinstance(seen, Again | Waits)):
            if task.child_id is not None:
                self._ledger.cancel_child(task.child_id)
            seen = Failed("Timeout", "it took longer than its Timeout")
        if seen is not None:
            await self._come(task, seen)

    async def _come(self, task: TaskExecution, outcome: Outcome) -> None:
        match outcome:
            case Done():
                await self._succeeded(task, outcome)
            case Failed():
                self._failed(task, outcome)
            case Cancelled(message):
                self._ledger.move(task, TaskEvent.CANCELLED, message=message)
            case Again(after, memo):
                self._wait(task, Wait.NOTHING, memo, self._means.clock.now() + after)
            case Waits(on, memo, until):
                self._wait(task, on, memo, until)
            case Fires():
                self._fire(task, outcome)
            case _:
                assert_never(outcome)

    def _overdue(self, task: TaskExecution) -> bool:
        until = task.memo.get("until")
        return until is not None and self._means.clock.now() >= datetime.fromisoformat(until)

    async def _heard(self, task: TaskExecution) -> Outcome | None:
        """What somebody has said to a task that waits for a word, or the start of a child."""
        if not _waits_for_word(task):
            await self._begin.again(task)
            return None
        said = [notice for notice in task.notices if notice.type in (_APPROVE, _REJECT)]
        heard = task.memo.get("heard", 0)
        if len(said) <= heard or task.state is not TaskState.WAITING:
            self._ledger.note(task, due_at=None)
            return None
        rejected = said[heard].type == _REJECT
        told = f"{said[heard].by} rejected it"
        if task.loop is not None:
            self._heard_by_loop(task, task.loop, len(said), told if rejected else "")
            return None
        if rejected:
            return Cancelled(told)
        now = self._means.clock.now()
        memo = {**_begun_at(now, task), "heard": len(said)}
        woken = self._ledger.move(
            task, TaskEvent.WOKEN, waits_for=Wait.NOTHING, due_at=now, memo=memo
        )
        await self._begin.again(woken)
        return None

    def _heard_by_loop(self, task: TaskExecution, loop: Loop, said: int, rejected: str) -> None:
        memo = {**task.memo, "heard": said}
        if rejected:
            noted = self._ledger.note(
                task, memo=memo, due_at=None, cancel_asked=True, message=rejected
            )
            self._ledger.end_pending(noted, TaskEvent.CANCELLED)
            return
        passed = loop.passed + (task.waits_for is Wait.BATCH)
        self._ledger.move(
            task,
            TaskEvent.WOKEN,
            memo=memo,
            due_at=None,
            waits_for=Wait.NOTHING,
            loop=replace(loop, passed=passed),
        )

    def _of_lost_child(self, task: TaskExecution) -> Outcome | None:
        if self._template.task(task.name).embedded:
            return Failed("ChildExecutionGone", "its child execution was deleted")
        return self._next_firing(task)

    def _next_firing(self, task: TaskExecution) -> Outcome | None:
        """Whatever became of what it has fired, the trigger waits for its next moment."""
        if task.cancel_asked:
            return Cancelled("it was cancelled")
        self._ledger.note(task, child_id=None, due_at=self._means.clock.now())
        return None

    def _of_child(self, task: TaskExecution, child: Execution) -> Outcome | None:
        """What became of the child execution of a task."""
        if child.final and not self._template.task(task.name).embedded:
            return self._next_firing(task)
        match child.state:
            case State.SUCCESS:
                return Done(child.outputs or {})
            case State.FAILED:
                return Failed("ChildExecutionFailed", child.status_message)
            case State.CANCELLED:
                return Cancelled(child.status_message)
            case State.WAITING if task.state is TaskState.RUNNING:
                self._ledger.move(task, TaskEvent.WAITS, waits_for=Wait.CHILD, due_at=None)
            case State.STARTED | State.QUEUED | State.RUNNING if task.state is TaskState.WAITING:
                self._ledger.move(task, TaskEvent.WOKEN, waits_for=Wait.NOTHING, due_at=None)
            case _:
                self._ledger.note(task, due_at=None)
        return None

    async def _succeeded(self, task: TaskExecution, done: Done) -> None:
        spec = self._template.task(task.name)
        try:
            outputs = await self._outputs(task, spec, done.document)
        except NotStored as error:
            self._failed(task, Failed(error.code, str(error)))
            return
        except (EvaluationError, ProgramError) as error:
            self._failed(task, Failed("InvalidSelector", str(error)))
            return
        ended = self._ledger.move(
            task, TaskEvent.SUCCEEDED, outputs=outputs, following=done.following, message=""
        )
        if ended.parent_id is None:
            self._scopes.remember(ended.name, outputs)

    async def _outputs(self, task: TaskExecution, spec: TaskSpec, document: Any) -> dict[str, Any]:
        if not spec.outputs:
            return {}
        if task.parent_id is None:
            evaluator = await self._scopes.of_task(spec)
        else:
            evaluator = await self._scopes.of_task(spec, task.item)
        found = {}
        for output in spec.outputs:
            selector = values.text(await evaluator.value(output.selector))
            try:
                found[output.name] = await selectors.select(
                    selector, document, kind=output.kind, programs=self._means.programs
                )
            except ProgramError as error:
                raise ProgramError(f"{output.name}: {error}") from None
        return found

    def _failed(self, task: TaskExecution, failed: Failed) -> None:
        if self._ledger.execution.mode is Mode.FAILURE_PAUSE:
            event, wait = TaskEvent.WAITS, Wait.FAILURE
            if task.state is TaskState.WAITING:
                self._ledger.note(
                    task,
                    waits_for=wait,
                    due_at=None,
                    error_code=failed.code,
                    message=failed.message,
                )
                return
        else:
            event, wait = TaskEvent.FAILED, Wait.NOTHING
        self._ledger.move(
            task,
            event,
            waits_for=wait,
            due_at=None,
            error_code=failed.code,
            message=failed.message,
        )

    def _wait(
        self, task: TaskExecution, on: Wait, memo: Mapping[str, Any], until: datetime | None
    ) -> None:
        bound = task.memo.get("until")
        if bound is not None:
            moment = datetime.fromisoformat(bound)
            until = moment if until is None else min(until, moment)
        changes: dict[str, Any] = {
            "memo": {**task.memo, "own": dict(memo)},
            "due_at": until,
            "waits_for": on,
        }
        waiting = task.state is TaskState.WAITING
        if waiting is (on is not Wait.NOTHING):
            self._ledger.note(task, **changes)
        else:
            self._ledger.move(task, TaskEvent.WOKEN if waiting else TaskEvent.WAITS, **changes)

    def _fire(self, task: TaskExecution, fires: Fires) -> None:
        """Start what a trigger triggers: the same template, which skips the trigger."""
        parent = self._ledger.execution
        now = self._means.clock.now()
        child = _fired(parent, task, fires.message, now)
        self._ledger.start_child(child, None)
        changes: dict[str, Any] = {
            "memo": {**task.memo, "own": dict(fires.memo)},
            "attempt": task.attempt + 1,
            "child_id": child.id,
            "due_at": None,
            "waits_for": Wait.NOTHING,
        }
        if task.state is TaskState.WAITING:
            self._ledger.move(task, TaskEvent.WOKEN, **changes)
        else:
            self._ledger.note(task, **changes)


def _waits_for_word(task: TaskExecution) -> bool:
    """Whether nothing but what somebody says can change it."""
    waits = task.waits_for in (Wait.RISK, Wait.FAILURE)
    return task.loop is not None or (waits and task.state is TaskState.WAITING)


def _began(task: TaskExecution) -> datetime:
    """When this attempt did; of what an earlier version of the engine began, when its turn came."""
    began = task.memo.get("began")
    return datetime.fromisoformat(began) if began else task.started_at or task.created_at


def _begun_at(now: datetime, task: TaskExecution) -> dict[str, Any]:
    """As if it began now: the time that somebody took to confirm it is none of its own."""
    moved = {**task.memo, "began": now.isoformat()}
    if "until" in moved:
        until = datetime.fromisoformat(moved["until"]) + (now - _began(task))
        moved["until"] = until.isoformat()
    return moved


def _fired(parent: Execution, task: TaskExecution, message: Any, at: datetime) -> Execution:
    return replace(
        parent,
        id=ids.firing_id(parent.id, task.attempt),
        parent_task_id=task.id,
        version=0,
        state=State.STARTED,
        created_at=at,
        updated_at=at,
        due_at=at,
        started_at=None,
        waits_for=Wait.NOTHING,
        cancel=Cancel.NO,
        triggered={"message": message},
        trigger_category="",
    )
