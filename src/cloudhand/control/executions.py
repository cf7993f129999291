"""Executions of templates: start them, look at them, and tell them something."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

from cloudhand.control import telling
from cloudhand.control.pokes import Loop, Pokes
from cloudhand.control.rights import read_stored
from cloudhand.control.settings import ControlSettings
from cloudhand.control.templates import Templates
from cloudhand.core import ids
from cloudhand.core.account import Identity, identity
from cloudhand.core.clock import Clock
from cloudhand.core.errors import (
    ExecutionEnded,
    ExecutionNotFound,
    ParametersInvalid,
    Problem,
    TaskNotFound,
    TemplateInvalid,
)
from cloudhand.core.execution import Cancel, Execution, State, TemplateRef, noted
from cloudhand.core.ids import ExecutionId, RandomBytes
from cloudhand.core.orders import (
    ExecutionFilter,
    NewExecution,
    Once,
    TaskFilter,
    Word,
)
from cloudhand.core.page import Page, Window
from cloudhand.core.task import Notice, TaskExecution, failure
from cloudhand.core.template import StoredTemplate
from cloudhand.orchestration import hiding, parameters, values
from cloudhand.orchestration.actions.library import hashed
from cloudhand.orchestration.evaluation import EvaluationError, Evaluator, Scope
from cloudhand.orchestration.model import Template
from cloudhand.orchestration.programs import Programs
from cloudhand.orchestration.pseudo import pseudo
from cloudhand.orchestration.triggered import TRIGGER
from cloudhand.store.database import Database
from cloudhand.store.events import Move
from cloudhand.store.transaction import Transaction
from cloudhand.wire import times


@dataclass(frozen=True, kw_only=True)
class ExecutionView:
    execution: Execution
    current: Sequence[TaskExecution]  # tasks in progress
    counts: Mapping[str, int]  # of tasks, by their states
    has_children: bool = False
    resources: Mapping[str, int] = field(default_factory=dict)  # of instances, by their states
    next_firing: str = ""  # when a timer comes next, as the wire spells moments
    last_firing: Execution | None = None
    last_good_firing: Execution | None = None


@dataclass(frozen=True, kw_only=True)
class LogEntry:
    move: Move
    task: TaskExecution | None  # None: the move is the execution's
    why: str = ""  # of a failure


class StartersRights(Protocol):
    """``control.rights.Rights``, or where there are none, whatever is asked for."""

    async def check(
        self, who: Identity, action: str, resources: Sequence[str], context: Mapping[str, str]
    ) -> None:
        """NotAuthorized unless ``who`` may do this to all ``resources``."""

    async def check_pass(self, who: Identity, role: str) -> None:
        """NotAuthorized unless ``who`` may have others act in a role; ResourceNotFound."""


class Executions:
    def __init__(
        self,
        database: Database,
        clock: Clock,
        random: RandomBytes,
        pokes: Pokes,
        settings: ControlSettings,
        templates: Templates,
        programs: Programs,
        rights: StartersRights,
    ) -> None:
        self._database = database
        self._clock = clock
        self._random = random
        self._pokes = pokes
        self._settings = settings
        self._templates = templates
        self._programs = programs
        self._rights = rights

    async def start(self, order: NewExecution) -> Execution:
        """TemplateNotFound; TemplateInvalid, also for what is wrong with the parameters.

        With a role, NotAuthorized where the starter may not pass it on; ResourceNotFound.
        """
        stored, text = await self._templates.meant(order.template)
        template = await self._templates.check(text)
        execution = await self._execution(order, stored, text, template)

        async def work(tx: Transaction) -> Execution:
            earlier = await tx.tokens.earlier(order.once, ExecutionId)
            if earlier is not None:
                return await _existing(tx, earlier)
            if order.parent_id is not None:
                await _existing(tx, order.parent_id)
            await tx.templates.keep_text(execution.template.hash, text)
            await tx.executions.add(execution)
            if stored is not None:
                await tx.templates.count_execution(stored.name)
            await tx.tokens.remember(order.once, execution.id, at=execution.created_at)
            return execution

        started = await self._database.write(work)
        self._pokes.wake(Loop.EXECUTIONS)
        return hiding.shown_execution(started)

    async def _execution(
        self,
        order: NewExecution,
        stored: StoredTemplate | None,
        text: str,
        template: Template,
    ) -> Execution:
        now = self._clock.now()
        execution_id = ids.execution_id(self._random)
        blank = Execution(
            id=execution_id,
            root_id=order.parent_id or execution_id,
            template=TemplateRef(
                name=stored.name if stored else "",
                version=f"v{stored.latest.number}" if stored else "",
                id=stored.id if stored else "",
                hash=hashed(text),
            ),
            created_at=now,
            updated_at=now,
            due_at=now,
            mode=order.mode,
            safety_check=order.safety_check,
            loop_mode=order.loop_mode,
            executed_by=order.by,
            account_id=order.account_id,
            region_id=self._settings.region_id,
            description=order.description,
            resource_group_id=order.resource_group_id,
            tags=order.tags,
            trigger_category=template.trigger_category,
            hidden=hiding.Hiding(template).of_execution(),
            mark=self._random(16).hex(),
        )
        found = await self._resolved(blank, template, order.parameters)
        role = await self._role(replace(blank, parameters=found), template)
        if role:
            await self._rights.check_pass(identity(order.account_id, order.by), role)
        return replace(blank, parameters=found, ram_role=role)

    async def _resolved(
        self, execution: Execution, template: Template, given: Mapping[str, Any]
    ) -> dict[str, Any]:
        scope = Scope(
            pseudo=pseudo(execution, self._clock.now()),
            stored=await self._stored(
                execution, parameters.stored_names(template.parameters, given)
            ),
            mark=execution.mark,
        )
        given, problems = parameters.looked_up(given, scope)
        if problems:
            raise ParametersInvalid(problems)
        found, problems = await parameters.resolve(
            template.parameters, given, scope=scope, programs=self._programs
        )
        if problems:
            raise ParametersInvalid(problems)
        return found

    async def _stored(self, execution: Execution, names: Collection[str]) -> dict[str, Any]:
        """Common parameters of the store, as far as they are there; NotAuthorized."""
        if not names:
            return {}
        who = identity(execution.account_id, execution.executed_by)
        for action, things in read_stored(who, execution.region_id, names, secret=False).items():
            await self._rights.check(who, action, things, {})

        async def work(tx: Transaction) -> dict[str, Any]:
            return {**await tx.stored_parameters.meanings(names)}

        return await self._database.read(work)

    async def _role(self, execution: Execution, template: Template) -> str:
        scope = Scope(
            parameters={name.lower(): one for name, one in execution.parameters.items()},
            pseudo=pseudo(execution, self._clock.now()),
        )
        try:
            return values.text(await Evaluator(scope, self._programs).value(template.ram_role))
        except EvaluationError as error:
            raise TemplateInvalid([Problem(path="RamRole", text=str(error))]) from None

    # Looking

    async def find(self, wanted: ExecutionFilter, window: Window) -> Page[ExecutionView]:
        async def work(tx: Transaction) -> Page[ExecutionView]:
            page = await tx.executions.find(wanted, window)
            views = [await _view(tx, execution) for execution in page.items]
            return Page(items=views, total=page.total, next=page.next)

        return await self._database.read(work)

    async def get(self, execution_id: ExecutionId) -> ExecutionView:
        async def work(tx: Transaction) -> ExecutionView:
            return await _view(tx, await _existing(tx, execution_id))

        return await self._database.read(work)

    async def templates(self, execution_ids: Collection[ExecutionId]) -> dict[str, TemplateRef]:
        """What executions execute."""

        async def work(tx: Transaction) -> dict[str, TemplateRef]:
            found = await tx.executions.get_many(sorted(execution_ids))
            return {one.id: one.template for one in found}

        return await self._database.read(work)

    async def tasks(self, wanted: TaskFilter, window: Window) -> Page[TaskExecution]:
        async def work(tx: Transaction) -> Page[TaskExecution]:
            page = await tx.tasks.find(wanted, window)
            return replace(page, items=[hiding.shown_task(task) for task in page.items])

        return await self._database.read(work)

    async def text(self, execution_id: ExecutionId) -> tuple[Execution, str]:
        """The template that it executes, as it was when it was started."""

        async def work(tx: Transaction) -> tuple[Execution, str]:
            execution = await _existing(tx, execution_id)
            return execution, await tx.templates.text(execution.template.hash) or ""

        return await self._database.read(work)

    async def moves(self, execution_id: ExecutionId, window: Window) -> Page[Move]:
        """What has happened to it and its tasks, the oldest first."""

        async def work(tx: Transaction) -> Page[Move]:
            return await tx.events.of_execution(execution_id, window)

        return await self._database.read(work)

    async def log(
        self, execution_id: ExecutionId, window: Window, *, task_id: str = ""
    ) -> Page[LogEntry]:
        """The same with its tasks, or of one task; of an unknown one, nothing."""

        async def work(tx: Transaction) -> Page[LogEntry]:
            execution = await tx.executions.get(execution_id)
            if execution is None:
                return Page(items=(), total=0)
            page = await tx.events.of_execution(execution_id, window, task_id=task_id)
            tasks = await tx.tasks.get_many([move.id for move in page.items if move.noun == "task"])
            entries = [_entry(move, execution, tasks.get(move.id)) for move in page.items]
            return Page(items=entries, total=page.total, next=page.next)

        return await self._database.read(work)

    # Telling

    async def cancel(self, execution_id: ExecutionId, *, once: Once | None = None) -> None:
        """Have it end; what has ended stays as it is. ExecutionNotFound, ExecutionEnded."""
        now = self._clock.now()

        async def work(tx: Transaction) -> None:
            if await tx.tokens.earlier(once, bool):
                return
            execution = await _existing(tx, execution_id)
            if execution.final:
                raise ExecutionEnded(execution_id, "cancel", execution.state)
            if execution.cancel is not Cancel.ASKED:
                await tx.executions.ask_cancel(execution_id, at=now)
            await tx.tokens.remember(once, True, at=now)

        await self._database.write(work)
        self._pokes.wake(Loop.EXECUTIONS)

    async def tell(self, word: Word) -> None:
        """Approve, reject, retry or skip. ExecutionNotFound, TaskNotFound, ExecutionEnded."""
        now = self._clock.now()

        async def work(tx: Transaction) -> None:
            if await tx.tokens.earlier(word.once, bool):
                return
            execution = await _existing(tx, word.execution_id)
            if execution.final:
                raise ExecutionEnded(execution.id, word.type, execution.state)
            waiting = await telling.waiting(tx, execution, word)
            if not waiting:
                raise TaskNotFound(execution.id, word.type)
            for task in waiting:
                await telling.tell(tx, task, word, at=now)
                await tx.executions.poke(task.execution_id, at=now)
            await tx.tokens.remember(word.once, True, at=now)

        await self._database.write(work)
        self._pokes.wake(Loop.EXECUTIONS)

    async def trigger(
        self,
        execution_id: ExecutionId,
        category: str,
        content: str,
        *,
        by: str,
        once: Once | None = None,
    ) -> None:
        """Fire a trigger of a category by hand, with a message. TaskNotFound where none waits."""
        now = self._clock.now()

        async def work(tx: Transaction) -> None:
            if await tx.tokens.earlier(once, bool):
                return
            execution = await _existing(tx, execution_id)
            if execution.final:
                raise ExecutionEnded(execution_id, "trigger", execution.state)
            tasks = await tx.tasks.top(execution_id)
            if execution.trigger_category != category or not tasks or tasks[0].final:
                raise TaskNotFound(execution_id, "trigger")
            notice = Notice(type=TRIGGER, by=by, note=content)
            await telling.note(tx, tasks[0], notice, at=now)
            await tx.executions.poke(execution_id, at=now)
            await tx.tokens.remember(once, True, at=now)

        await self._database.write(work)
        self._pokes.wake(Loop.EXECUTIONS)

    async def update(
        self,
        execution_id: ExecutionId,
        *,
        given: Mapping[str, Any] | None = None,
        once: Once | None = None,
        **changes: Any,
    ) -> None:
        """Change what it says of itself; ``given`` are parameters that hold from now on."""
        execution, text = await self.text(execution_id)
        told: dict[str, Any] = {}
        if given is not None:
            template = await self._templates.check(text)
            merged = {**execution.parameters, **given}
            execution = replace(
                execution, parameters=await self._resolved(execution, template, merged)
            )
            told = await self._of_trigger(execution, template)
        names = {name.lower() for name in given or ()}
        new = {name: one for name, one in execution.parameters.items() if name.lower() in names}
        now = self._clock.now()

        async def work(tx: Transaction) -> None:
            if await tx.tokens.earlier(once, bool):
                return
            before = await _existing(tx, execution_id)
            if before.final:
                raise ExecutionEnded(execution_id, "update", before.state)
            after = noted(before, at=now, parameters={**before.parameters, **new}, **changes)
            await tx.executions.save(before, None, after, source="caller")
            if told:
                await telling.give(tx, execution_id, told, at=now)
            # Whoever carries it out just now gives up, and must look again.
            await tx.executions.poke(execution_id, at=now)
            await tx.tokens.remember(once, True, at=now)

        await self._database.write(work)
        self._pokes.wake(Loop.EXECUTIONS)

    async def _of_trigger(self, execution: Execution, template: Template) -> dict[str, Any]:
        """The properties of what triggers it, as its parameters have them now."""
        spec = template.trigger
        if spec is None:
            return {}
        scope = Scope(
            parameters={name.lower(): one for name, one in execution.parameters.items()},
            pseudo=pseudo(execution, self._clock.now()),
            conditions=template.conditions,
        )
        evaluator, found = Evaluator(scope, self._programs), {}
        for name, one in spec.properties.items():
            try:
                value = await evaluator.value(one)
            except EvaluationError as error:
                path = f"Tasks[{spec.index}].Properties.{name}"
                raise ParametersInvalid([Problem(path=path, text=str(error))]) from None
            if value is not None:
                found[name] = value
        return found

    async def delete(
        self, execution_ids: Sequence[ExecutionId], *, force: bool, once: Once | None = None
    ) -> None:
        """All of them or none, with all that was started for them; running ones with force."""
        now = self._clock.now()

        async def work(tx: Transaction) -> None:
            if await tx.tokens.earlier(once, bool):
                return
            # One may be below another one.
            for execution in [await _existing(tx, one) for one in execution_ids]:
                for open_id, state in await tx.executions.open_below(execution.id):
                    if not force:
                        raise ExecutionEnded(open_id, "delete", state)
                await tx.executions.remove(await tx.executions.below(execution.id))
                if execution.parent_task_id is not None:
                    parent = ids.execution_of(execution.parent_task_id)
                    await tx.watches.wake_task(execution.parent_task_id, parent, at=now)
            await tx.tokens.remember(once, True, at=now)

        await self._database.write(work)
        self._pokes.wake(Loop.EXECUTIONS)


async def _existing(tx: Transaction, execution_id: ExecutionId) -> Execution:
    found = await tx.executions.get(execution_id)
    if found is None:
        raise ExecutionNotFound(execution_id)
    return found


def _entry(move: Move, execution: Execution, task: TaskExecution | None) -> LogEntry:
    why = ""
    if move.to_state == State.FAILED:
        why = failure(task) if task else execution.status_message
    return LogEntry(move=move, task=hiding.shown_task(task) if task else None, why=why)


async def _view(tx: Transaction, execution: Execution) -> ExecutionView:
    """As it may be shown."""
    tasks = await tx.tasks.top(execution.id)
    view = ExecutionView(
        execution=hiding.shown_execution(execution),
        current=[hiding.shown_task(task) for task in tasks if not task.final],
        counts=await tx.tasks.counts(execution.id),
        has_children=await tx.executions.has_children(execution.id),
        resources=await tx.tasks.resource_states(execution.id),
    )
    if not execution.trigger_category or not tasks:
        return view
    planned = None if tasks[0].final else tasks[0].memo.get("own", {}).get("next")
    last = await tx.executions.last_child(tasks[0].id)
    good = await tx.executions.last_child(tasks[0].id, state=State.SUCCESS)
    return replace(
        view,
        next_firing=times.second(datetime.fromisoformat(planned)) if planned else "",
        last_firing=hiding.shown_execution(last) if last else None,
        last_good_firing=hiding.shown_execution(good) if good else None,
    )
