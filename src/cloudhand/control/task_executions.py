"""What the tasks of executions have done to instances, and what they have asked of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from cloudhand.core.ids import ExecutionId, InvokeId, TaskExecutionId
from cloudhand.core.invocation import Overall, State, overall
from cloudhand.core.page import Page, Window
from cloudhand.core.task import TaskExecution
from cloudhand.orchestration import hiding
from cloudhand.store.database import Database
from cloudhand.store.transaction import Transaction


@dataclass(frozen=True, kw_only=True)
class TaskInvocation:
    """An invocation, and the task that asked for it."""

    invoke_id: InvokeId
    state: Overall
    task_id: TaskExecutionId
    task_name: str


class TaskExecutions:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def invocations(self, task_id: TaskExecutionId) -> list[TaskInvocation]:
        """Those of a task, of its items, and of what it embeds."""

        async def work(tx: Transaction) -> list[TaskInvocation]:
            asked = await tx.task_invocations.below(task_id)
            states: dict[InvokeId, list[State]] = {invoke_id: [] for invoke_id in asked}
            for target in await tx.targets.of(list(asked)):
                states[target.invoke_id].append(target.state)
            return [
                TaskInvocation(
                    invoke_id=invoke_id,
                    state=overall(states[invoke_id]),
                    task_id=by,
                    task_name=name,
                )
                for invoke_id, (by, name) in asked.items()
            ]

        return await self._database.read(work)

    async def resources(self, execution_id: ExecutionId, window: Window) -> Page[TaskExecution]:
        """The last item of a loop that was about each instance, as it may be shown."""

        async def work(tx: Transaction) -> Page[TaskExecution]:
            page = await tx.tasks.of_resources(execution_id, window)
            return replace(page, items=[hiding.shown_task(task) for task in page.items])

        return await self._database.read(work)
