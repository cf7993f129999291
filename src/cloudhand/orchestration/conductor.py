"""What an execution does next. It looks at rows, so that after a crash one only looks again.

One task runs at a time. Where it leads is a jump, always forward; from there tasks follow each
other as they stand in the list.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cloudhand.core.execution import Cancel, Event
from cloudhand.core.task import Loop, TaskExecution, Wait, failure
from cloudhand.core.task import State as TaskState
from cloudhand.orchestration import rate_control
from cloudhand.orchestration.model import END, NEXT, TaskSpec, Template
from cloudhand.orchestration.rate_control import Pause, Progress


@dataclass(frozen=True)
class BeginTask:
    name: str


@dataclass(frozen=True)
class BeginItems:
    task: TaskExecution
    items: range


@dataclass(frozen=True)
class PauseLoop:
    """Somebody has to say that the next batch may begin."""

    task: TaskExecution


@dataclass(frozen=True)
class EndLoop:
    task: TaskExecution
    state: TaskState
    message: str = ""


@dataclass(frozen=True)
class CancelTask:
    task: TaskExecution


@dataclass(frozen=True)
class Finish:
    event: Event
    message: str = ""


Decision = BeginTask | BeginItems | PauseLoop | EndLoop | CancelTask | Finish


def decide(template: Template, tasks: Sequence[TaskExecution], cancel: Cancel) -> Decision | None:
    """The next step, or None where one has to wait for what runs.

    ``tasks``: those of the execution that have begun, in their order, without the items of loops.
    """
    current = tasks[-1] if tasks else None
    if current is not None and not current.final:
        if cancel is Cancel.ASKED:
            return CancelTask(current)
        return _of_loop(current, current.loop) if current.loop else None
    if cancel is Cancel.ASKED:
        return Finish(Event.CANCELLED, "it was cancelled")
    following = template.tasks[0].name if current is None else _following(template, current)
    return _finish(template, tasks) if following == END else BeginTask(following)


def _of_loop(task: TaskExecution, loop: Loop) -> Decision | None:
    if task.cancel_asked or loop.cancelled:
        return None if loop.active else EndLoop(task, TaskState.CANCELLED)
    if task.waits_for is not Wait.NOTHING:
        return None
    rate = rate_control.of_kept(loop.rate)
    step = rate.next(
        Progress(
            total=loop.total,
            begun=loop.begun,
            active=loop.active,
            failed=loop.failed,
            passed=loop.passed,
        )
    )
    if isinstance(step, Pause):
        return PauseLoop(task)
    if step:
        return BeginItems(task, step)
    if loop.active:
        return None
    if loop.failed > rate.max_errors:
        told = f"{loop.failed} of {loop.total} items failed, and at most {rate.max_errors} may"
        return EndLoop(task, TaskState.FAILED, told)
    return EndLoop(task, TaskState.SUCCESS)


def _following(template: Template, task: TaskExecution) -> str:
    spec = template.task(task.name)
    target = _target(spec, task)
    if target != NEXT:
        return target
    after = spec.index + 1
    return template.tasks[after].name if after < len(template.tasks) else END


def _target(spec: TaskSpec, task: TaskExecution) -> str:
    if task.cancel_asked or task.state is TaskState.CANCELLED:
        return spec.on_cancel
    if task.state is TaskState.FAILED:
        return spec.on_error
    if task.state is TaskState.SKIPPED:
        return NEXT
    return task.following or spec.on_success


def _finish(template: Template, tasks: Sequence[TaskExecution]) -> Finish:
    for task in tasks:
        if task.cancel_asked or task.state is TaskState.CANCELLED:
            told = task.message or "it was cancelled"
            return Finish(Event.CANCELLED, f"task {task.name}: {told}")
    for task in tasks:
        if task.state is TaskState.FAILED and template.task(task.name).critical:
            return Finish(Event.FAILED, f"task {task.name} failed: {failure(task)}")
    return Finish(Event.SUCCEEDED)
