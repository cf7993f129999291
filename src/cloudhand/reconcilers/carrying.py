"""One look at one execution: carry out what the conductor decides until one has to wait.

What is to be done is written before it is done, and what came of it after. Between the two the
process may end: the next look does it again, and an operation that was carried out answers as it
did then.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, assert_never

from cloudhand import faults
from cloudhand.core.errors import TemplateInvalid
from cloudhand.core.execution import Cancel, Event, State
from cloudhand.core.task import Event as TaskEvent
from cloudhand.core.task import State as TaskState
from cloudhand.core.task import TaskExecution, Wait
from cloudhand.orchestration import conductor, functions
from cloudhand.orchestration.conductor import (
    BeginItems,
    BeginTask,
    CancelTask,
    Decision,
    EndLoop,
    Finish,
    PauseLoop,
)
from cloudhand.orchestration.evaluation import EvaluationError
from cloudhand.orchestration.model import Template
from cloudhand.reconcilers.beginning import Beginning
from cloudhand.reconcilers.ledger import Ledger
from cloudhand.reconcilers.looking import Looking
from cloudhand.reconcilers.means import Means
from cloudhand.reconcilers.scopes import Scopes
from cloudhand.store.executions import Held
from cloudhand.store.transaction import Transaction

LEASE = timedelta(minutes=2)
_AT_ONCE = 50  # tasks of one execution that are looked at together, and written together


async def carry_on(means: Means, held: Held) -> None:
    """Changed when somebody else has changed it meanwhile: then look again."""
    try:
        template = await means.template(held.claim.item.template.hash)
    except TemplateInvalid as error:
        await _fail(means, held, str(error))
        return
    tasks, due = await _read(means, held)
    await _Carrying(means, template, Ledger(held, tasks, means.clock), due).to_its_wait()


async def _read(means: Means, held: Held) -> tuple[list[TaskExecution], list[TaskExecution]]:
    execution_id = held.claim.item.id
    now = means.clock.now()

    async def work(tx: Transaction) -> tuple[list[TaskExecution], list[TaskExecution]]:
        due = await tx.tasks.due(execution_id, now=now, limit=_AT_ONCE)
        return await tx.tasks.top(execution_id), due

    return await means.database.read(work)


async def _fail(means: Means, held: Held, message: str) -> None:
    """What could be started once cannot be understood any more."""
    ledger = Ledger(held, [], means.clock)
    now = means.clock.now()
    ledger.move_execution(Event.FAILED, status_message=message, ended_at=now)

    async def work(tx: Transaction) -> None:
        await ledger.write(tx, lease_until=now + LEASE)

    await means.database.write(work)


class _Carrying:
    def __init__(
        self, means: Means, template: Template, ledger: Ledger, due: list[TaskExecution]
    ) -> None:
        self._means = means
        self._template = template
        self._ledger = ledger
        self._due = due
        self._scopes = Scopes(
            template,
            ledger.execution,
            database=means.database,
            clock=means.clock,
            programs=means.programs,
            check_read=means.check_read,
        )
        self._begin = Beginning(means, template, ledger, self._scopes, self._due)
        self._look = Looking(means, template, ledger, self._scopes, self._begin)

    async def to_its_wait(self) -> None:
        if self._ledger.execution.state in (State.STARTED, State.QUEUED):
            now = self._means.clock.now()
            if self._ledger.execution.cancel is Cancel.ASKED:
                await self._finish(Finish(Event.CANCELLED, "it was cancelled"))
            else:
                self._ledger.move_execution(Event.BEGUN, started_at=now)
        while not self._ledger.execution.final:
            decision = self._decision()
            if decision is not None:
                await self._carry_out(decision)
            elif self._due:
                await self._write()
                await self._look_at_some()
            else:
                break
        self._settle()
        await self._write()

    def _decision(self) -> Decision | None:
        cancel = self._ledger.execution.cancel
        return conductor.decide(self._template, self._ledger.tasks, cancel)

    async def _look_at_some(self) -> None:
        some, self._due[:] = self._due[:_AT_ONCE], self._due[_AT_ONCE:]
        await self._look.at(some)

    async def _write(self) -> None:
        if self._ledger.clean:
            return
        until = self._means.clock.now() + LEASE

        async def work(tx: Transaction) -> None:
            await self._ledger.write(tx, lease_until=until)

        faults.point("plane.decided")
        await self._means.database.write(work)
        faults.point("plane.noted")
        self._ledger.written()

    async def _carry_out(self, decision: Decision) -> None:
        match decision:
            case BeginTask(name):
                await self._begin.task(name)
            case BeginItems(task, items):
                await self._begin.items(task, items)
            case PauseLoop(task):
                self._ledger.move(task, TaskEvent.WAITS, waits_for=Wait.BATCH)
            case EndLoop():
                await self._end_loop(decision)
            case CancelTask(task):
                await self._cancel(task)
            case Finish():
                await self._finish(decision)
            case _:
                assert_never(decision)

    # Loops

    async def _end_loop(self, end: EndLoop) -> None:
        task = end.task
        match end.state:
            case TaskState.SUCCESS:
                await self._write()  # the outputs of the items are read
                await self._aggregate(self._ledger.task(task.id))
            case TaskState.CANCELLED:
                self._ledger.move(task, TaskEvent.CANCELLED)
            case _:
                self._ledger.end_pending(task, TaskEvent.SKIPPED)
                self._ledger.move(
                    self._ledger.task(task.id),
                    TaskEvent.FAILED,
                    error_code="TooManyErrors",
                    message=end.message,
                )

    async def _aggregate(self, task: TaskExecution) -> None:
        spec = self._template.task(task.name)
        wanted = spec.loop.outputs if spec.loop else ()
        outputs: dict[str, Any] = {}
        if wanted:

            async def work(tx: Transaction) -> list[dict[str, Any]]:
                return await tx.tasks.outputs_of_items(task.id)

            items = await self._means.database.read(work)
            for one in wanted:
                values = [value for item in items if (value := _field(item, one.field)) is not None]
                try:
                    outputs[one.name] = functions.call(one.function, values)
                except ValueError as error:
                    told = f"{one.name}: {one.function}: {error}"
                    self._ledger.move(
                        task, TaskEvent.FAILED, error_code="InvalidAggregate", message=told
                    )
                    return
        self._ledger.move(task, TaskEvent.SUCCEEDED, outputs=outputs)
        self._scopes.remember(task.name, outputs)

    # Cancelling

    async def _cancel(self, task: TaskExecution) -> None:
        """What runs by itself is left alone; what waits here, and child executions, end.

        All at once: a crash between would leave items that nobody cancels any more.
        """
        begun = [] if task.loop is None else await self._begun(task)
        self._ledger.note_execution(cancel=Cancel.HEARD)
        noted = self._ledger.note(self._ledger.task(task.id), cancel_asked=True)
        if noted.loop is None:
            self._cancel_one(noted)
            return
        self._ledger.end_pending(noted, TaskEvent.CANCELLED)
        for item in begun:
            self._cancel_one(item)
        self._due.clear()

    async def _begun(self, task: TaskExecution) -> list[TaskExecution]:
        """The items of a loop that have begun and not ended."""
        await self._write()

        async def work(tx: Transaction) -> list[TaskExecution]:
            return await tx.tasks.items(task.id, open_only=True)

        found = await self._means.database.read(work)
        return [item for item in found if item.state is not TaskState.PENDING]

    def _cancel_one(self, task: TaskExecution) -> None:
        # Of what has failed and waits for an answer, the child execution has ended already.
        if task.child_id is not None and task.waits_for is not Wait.FAILURE:
            self._ledger.cancel_child(task.child_id)
        else:
            self._ledger.move(task, TaskEvent.CANCELLED, message="it was cancelled")
            self._due[:] = [one for one in self._due if one.id != task.id]

    # The end

    async def _finish(self, finish: Finish) -> None:
        event, message = finish.event, finish.message
        outputs: dict[str, Any] | None = None
        if event is Event.SUCCEEDED:
            try:
                outputs = await self._results()
            except EvaluationError as error:
                event, message = Event.FAILED, str(error)
        self._ledger.move_execution(
            event,
            outputs=outputs,
            status_message=message,
            ended_at=self._means.clock.now(),
            waits_for=Wait.NOTHING,
        )

    async def _results(self) -> dict[str, Any]:
        """The outputs of the template; one that comes to nothing is left out."""
        if not self._template.outputs:
            return {}
        await self._write()  # the outputs of tasks are read
        evaluator = await self._scopes.of_results()
        found = {}
        for result in self._template.outputs:
            try:
                value = await evaluator.value(result.value)
            except EvaluationError as error:
                raise EvaluationError(f"output {result.name}: {error}") from None
            if value is not None:
                found[result.name] = value
        return found

    def _settle(self) -> None:
        """Whether the execution waits for somebody follows from its task."""
        execution = self._ledger.execution
        if execution.final:
            return
        wait = _waits(self._ledger.tasks[-1])
        if wait is Wait.NOTHING and execution.state is State.WAITING:
            self._ledger.move_execution(Event.WOKEN, waits_for=wait)
        elif wait is not Wait.NOTHING and execution.state is State.RUNNING:
            self._ledger.move_execution(Event.WAITS, waits_for=wait)
        elif wait is not execution.waits_for:
            self._ledger.note_execution(waits_for=wait)


def _waits(task: TaskExecution) -> Wait:
    loop = task.loop
    if loop is not None and task.state is TaskState.RUNNING:
        return Wait.CHILD if loop.active and loop.waiting == loop.active else Wait.NOTHING
    return task.waits_for if task.state is TaskState.WAITING else Wait.NOTHING


def _field(outputs: dict[str, Any], name: str) -> Any:
    by_lower = {key.lower(): value for key, value in outputs.items()}
    return by_lower.get(name.lower())
