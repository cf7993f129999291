"""Begin tasks and items: evaluate what they are given, and make ready what is to be done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from cloudhand.control.templates import number
from cloudhand.core import ids
from cloudhand.core.errors import TemplateInvalid
from cloudhand.core.execution import Cancel, Execution, Mode, SafetyCheck, State, TemplateRef
from cloudhand.core.ids import ExecutionId, TaskExecutionId
from cloudhand.core.task import Event as TaskEvent
from cloudhand.core.task import Loop, TaskExecution, Wait
from cloudhand.core.task import State as TaskState
from cloudhand.orchestration import hiding, parameters, rate_control, secrets, values
from cloudhand.orchestration.action import Failed
from cloudhand.orchestration.actions.library import Text
from cloudhand.orchestration.evaluation import EvaluationError, Evaluator
from cloudhand.orchestration.expression import Expression, Pseudo, references
from cloudhand.orchestration.model import LoopSpec, TaskSpec, Template
from cloudhand.orchestration.rate_control import Pause
from cloudhand.orchestration.risk import risky
from cloudhand.orchestration.values import shown
from cloudhand.reconcilers.ledger import Ledger, new_task
from cloudhand.reconcilers.means import Means
from cloudhand.reconcilers.scopes import Scopes
from cloudhand.store.transaction import Transaction

_DEEPEST = 8  # templates in each other, actions of products counted
_EMBED = "ACS::Template"


class _Refused(Exception):
    """A task cannot begin."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.failed = Failed(code, message)


class Beginning:
    """``due`` gets what is to be looked at now."""

    def __init__(
        self,
        means: Means,
        template: Template,
        ledger: Ledger,
        scopes: Scopes,
        due: list[TaskExecution],
    ) -> None:
        self._means = means
        self._template = template
        self._ledger = ledger
        self._scopes = scopes
        self._due = due
        self._items: dict[TaskExecutionId, list[TaskExecution]] = {}  # of loops that began now

    async def task(self, name: str) -> None:
        spec = self._template.task(name)
        task = self._new(spec)
        self._ledger.add([task])
        await self._evaluate(task, spec)

    def _new(self, spec: TaskSpec) -> TaskExecution:
        return new_task(
            self._ledger.execution,
            name=spec.name,
            action=spec.action,
            index=spec.index,
            at=self._means.clock.now(),
            hidden=self._hidden(spec),
        )

    async def items(self, task: TaskExecution, wanted: range) -> None:
        spec = self._template.task(task.name)
        for item in await self._rows(task, wanted):
            await self._evaluate(item, spec)

    async def _evaluate(self, task: TaskExecution, spec: TaskSpec) -> None:
        """Find out what a task, or an item, is given; have it begin, or fail."""
        try:
            if task.parent_id is not None:
                await self._leaf(task, spec, await self._scopes.of_task(spec, task.item))
            elif spec.loop is not None:
                await self._loop(task, spec, spec.loop, await self._scopes.of_task(spec))
            else:
                await self._leaf(task, spec, await self._scopes.of_task(spec))
        except EvaluationError as error:
            self._fail(task, Failed(error.code, str(error)))
        except _Refused as refused:
            self._fail(task, refused.failed)

    def _hidden(self, spec: TaskSpec) -> tuple[hiding.Path, ...]:
        given = self._ledger.execution.hidden.parameters
        return hiding.Hiding(self._template, given).of_task(spec) if given else ()

    async def again(self, task: TaskExecution) -> None:
        """Begin once more what has failed, or what somebody had to confirm."""
        spec = self._template.task(task.name)
        if task.memo.get("anew"):
            await self._evaluate(task, spec)
        elif spec.embedded:
            await self._embed(task, spec, task.properties)
        else:
            self._due.append(task)

    def _go(self, task: TaskExecution, event: TaskEvent, **changes: Any) -> TaskExecution:
        """Move a task on; what is tried again has begun already."""
        if event is TaskEvent.BEGUN and task.state is TaskState.RUNNING:
            return self._ledger.note(task, **changes)
        return self._ledger.move(task, event, **changes)

    def _fail(self, task: TaskExecution, failed: Failed) -> None:
        if self._ledger.execution.mode is Mode.FAILURE_PAUSE:
            self._ledger.move(
                task,
                TaskEvent.WAITS,
                waits_for=Wait.FAILURE,
                due_at=None,
                error_code=failed.code,
                message=failed.message,
            )
            return
        self._ledger.move(task, TaskEvent.FAILED, error_code=failed.code, message=failed.message)

    async def _rows(self, task: TaskExecution, wanted: range) -> Sequence[TaskExecution]:
        fresh = self._items.get(task.id)
        if fresh is not None:
            return fresh[wanted.start : wanted.stop]

        async def work(tx: Transaction) -> list[TaskExecution]:
            return await tx.tasks.items(task.id, wanted)

        return await self._means.database.read(work)

    # Loops

    async def _loop(
        self, task: TaskExecution, spec: TaskSpec, loop: LoopSpec, evaluator: Evaluator
    ) -> None:
        by_item = spec.when is not None and _names_item(spec.when)
        if spec.when is not None and not by_item and not await evaluator.truth(spec.when):
            self._ledger.move(task, TaskEvent.SKIPPED, message="its condition is false")
            return
        items = await evaluator.value(loop.items)
        items = [] if items is None else items
        if not isinstance(items, list):
            raise _Refused("InvalidLoopItems", f"{shown(items)} is no list")
        if len(items) > self._means.item_limit:
            told = f"{len(items)} items are more than {self._means.item_limit}"
            raise _Refused("TooManyLoopItems", told)
        rate = await self._rate(loop, len(items), evaluator)
        fresh = self._new_items(task, items, rate)
        self._ledger.add(fresh)
        self._items[task.id] = fresh
        begun = Loop(rate=rate.kept(), total=len(items))
        asks = not _heard(task) and await self._any_asks(spec, items)
        self._go(
            task,
            TaskEvent.WAITS if asks else TaskEvent.BEGUN,
            waits_for=Wait.RISK if asks else Wait.NOTHING,
            memo=_heard(task),
            due_at=None,
            loop=begun,
        )

    async def _any_asks(self, spec: TaskSpec, items: Sequence[Any]) -> bool:
        """Whether somebody has to confirm one of the calls, and so is asked for all of them."""
        told = {name: one for name, one in spec.properties.items() if name in ("API", "Risk")}
        for item in items if any(map(_names_item, told.values())) else items[:1]:
            evaluator = await self._scopes.of_task(spec, item)
            if self._asks({name: await evaluator.value(one) for name, one in told.items()}):
                return True
        return False

    async def _rate(
        self, loop: LoopSpec, count: int, evaluator: Evaluator
    ) -> rate_control.RateControl:
        given = await evaluator.value(loop.rate_control)
        try:
            pause = Pause(self._ledger.execution.loop_mode)
            return rate_control.read(given, count, pause=pause)
        except ValueError as error:
            raise _Refused("InvalidRateControl", str(error)) from None

    def _new_items(
        self, task: TaskExecution, items: Sequence[Any], rate: rate_control.RateControl
    ) -> list[TaskExecution]:
        fresh = self._new(self._template.task(task.name))
        return [
            replace(
                fresh,
                id=ids.item_id(task.id, index),
                parent_id=task.id,
                index=index,
                batch=rate.batch(index)[0],
                item=item,
            )
            for index, item in enumerate(items)
        ]

    # One task, or one item

    async def _leaf(self, task: TaskExecution, spec: TaskSpec, evaluator: Evaluator) -> None:
        when = spec.when
        if when is not None and task.parent_id is not None and not _names_item(when):
            when = None  # it was true for all of them
        if when is not None and not await evaluator.truth(when):
            self._ledger.move(task, TaskEvent.SKIPPED, message="its condition is false")
            return
        properties = {
            name: value
            for name, one in spec.properties.items()
            if (value := await evaluator.value(one)) is not None
        }
        memo = {**_heard(task), **await self._memo(spec, evaluator)}
        if task.parent_id is None and not _heard(task) and self._asks(properties):
            self._ledger.move(
                task,
                TaskEvent.WAITS,
                waits_for=Wait.RISK,
                properties=properties,
                memo=memo,
                due_at=None,
            )
        elif spec.embedded:
            begun = self._go(task, TaskEvent.BEGUN, properties=properties, memo=memo)
            await self._embed(begun, spec, properties)
        else:
            now = self._means.clock.now()
            begun = self._go(task, TaskEvent.BEGUN, properties=properties, memo=memo, due_at=now)
            action = self._means.actions.get(spec.action)
            if action is not None:
                self._ledger.watch(begun, list(action.watch(properties)))
            self._due.append(begun)

    async def _memo(self, spec: TaskSpec, evaluator: Evaluator) -> dict[str, Any]:
        """What the engine remembers of a task; under ``own`` is what its action does.

        ``began`` is when this attempt did, and ``until`` when its time is over.
        """
        now = self._means.clock.now()
        memo: dict[str, Any] = {"began": now.isoformat()}
        if spec.retry:
            memo["retry"] = {name: await evaluator.value(one) for name, one in spec.retry.items()}
        timeout = await evaluator.value(spec.timeout)
        if timeout is not None:
            try:
                seconds = float(parameters.convert(timeout, parameters.Type.NUMBER))
                until = now + timedelta(seconds=seconds)
            except (ValueError, OverflowError):
                raise _Refused("InvalidProperty", f"Timeout: {shown(timeout)}") from None
            memo["until"] = until.isoformat()
        return memo

    def _asks(self, properties: Mapping[str, Any]) -> bool:
        confirm = self._ledger.execution.safety_check is SafetyCheck.CONFIRM
        return confirm and "API" in properties and risky(properties)

    # Embedded templates

    async def _embed(
        self, task: TaskExecution, spec: TaskSpec, properties: Mapping[str, Any]
    ) -> None:
        """Start the child execution of a task that has begun, or fail it."""
        try:
            text, ref, given = await self._text(spec, properties)
            child = await self._child(task, text, ref, given)
        except _Refused as refused:
            self._fail(task, refused.failed)
            return
        self._ledger.start_child(child, text)
        self._ledger.note(task, child_id=child.id, due_at=None)

    async def _text(
        self, spec: TaskSpec, properties: Mapping[str, Any]
    ) -> tuple[Text, TemplateRef, Mapping[str, Any]]:
        """The template that a task embeds, and its parameters."""
        library = self._means.library
        if spec.action != _EMBED:
            text = library.actions[spec.action.lower()]
            return text, _built_in(text), properties
        given = parameters.convert(properties.get("Parameters") or {}, parameters.Type.JSON)
        if not isinstance(given, Mapping) or secrets.alike(given):
            raise _Refused("InvalidProperty", f"Parameters: {shown(given)} is no map")
        content = properties.get("TemplateContent")
        if content is not None:
            text = Text(name="", text=values.text(content))
            return text, TemplateRef(name="", hash=text.hash), given
        name = values.text(properties.get("TemplateName"))
        builtin = library.actions.get(name.lower()) or library.public.get(name.lower())
        if builtin is not None:
            return builtin, _built_in(builtin), given
        version = values.text(properties.get("TemplateVersion"))
        return *await self._stored(name, version), given

    async def _stored(self, name: str, version: str) -> tuple[Text, TemplateRef]:
        async def work(tx: Transaction) -> tuple[Text, TemplateRef] | None:
            template = await tx.templates.get(name, number(version))
            if template is None:
                return None
            text = await tx.templates.text(template.latest.hash)
            ref = TemplateRef(
                name=template.name,
                version=f"v{template.latest.number}",
                id=template.id,
                hash=template.latest.hash,
            )
            return Text(name=template.name, text=text or ""), ref

        found = await self._means.database.read(work)
        if found is None:
            raise _Refused("EntityNotExists.Template", f"there is no template {name} {version}")
        return found

    async def _child(
        self, task: TaskExecution, text: Text, ref: TemplateRef, given: Mapping[str, Any]
    ) -> Execution:
        parent = self._ledger.execution
        await self._check_nesting(parent, text)
        try:
            template = self._means.library.parse(text.text)
        except TemplateInvalid as error:
            raise _Refused("InvalidTemplate", str(error)) from None
        if template.trigger is not None:
            raise _Refused("InvalidTemplate", "a template with a trigger cannot be embedded")
        hidden = hiding.given_to_embedded(self._template.task(task.name), task.hidden, given)
        now = self._means.clock.now()
        child = replace(
            parent,
            id=ids.child_id(task.id, task.attempt),
            parent_task_id=task.id,
            template=ref,
            version=0,
            state=State.STARTED,
            created_at=now,
            updated_at=now,
            due_at=now,
            started_at=None,
            outputs=None,
            status_message="",
            waits_for=Wait.NOTHING,
            cancel=Cancel.NO,
            mode=Mode.AUTOMATIC,
            description="",
            triggered=None,
            trigger_category="",
            hidden=hiding.Hiding(template, hidden).of_execution(),
        )
        values, problems = await parameters.resolve(
            template.parameters,
            given,
            scope=await self._scopes.of_embedded(template, child),
            programs=self._means.programs,
        )
        if problems:
            raise _Refused("InvalidParameters", "; ".join(map(str, problems)))
        return replace(child, parameters=values)

    async def _check_nesting(self, parent: Execution, text: Text) -> None:
        """Templates may embed each other, but not themselves, and not without end."""
        above = _ancestors(parent)
        if len(above) >= _DEEPEST:
            raise _Refused("TooDeep", f"templates are embedded deeper than {_DEEPEST} levels")
        if not text.name or len(above) == 1:
            names = [parent.template.name]
        else:

            async def work(tx: Transaction) -> list[str]:
                return [one.template.name for one in await tx.executions.get_many(above)]

            names = await self._means.database.read(work)
        if text.name and text.name.lower() in map(str.lower, names):
            raise _Refused("InvalidTemplate", f"{text.name} embeds itself")


def _heard(task: TaskExecution) -> dict[str, Any]:
    """What a task that is tried again remembers: how much of what it was told is done with."""
    return {name: one for name, one in task.memo.items() if name == "heard"}


def _built_in(text: Text) -> TemplateRef:
    return TemplateRef(name=text.name, version="v1", id=text.id, hash=text.hash)


def _ancestors(execution: Execution) -> list[ExecutionId]:
    """The execution and those that it is embedded in."""
    parts = execution.id.split(".t")
    return [ExecutionId(".t".join(parts[: at + 1])) for at in range(len(parts))]


def _names_item(expression: Expression) -> bool:
    return any(
        isinstance(one, Pseudo) and one.name.lower() == "taskloopitem"
        for one in references(expression)
    )
