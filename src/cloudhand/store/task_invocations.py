"""Which task of an execution asked for which invocation."""

from __future__ import annotations

from cloudhand.core.ids import InvokeId, TaskExecutionId
from cloudhand.store.database import Statements


class TaskInvocations:
    def __init__(self, statements: Statements) -> None:
        self._statements = statements

    async def add(self, invoke_id: InvokeId, task_id: TaskExecutionId) -> None:
        await self._statements.change(
            "INSERT INTO task_invocations (invoke_id, task_id) VALUES (?, ?)", invoke_id, task_id
        )

    async def below(self, task_id: TaskExecutionId) -> dict[InvokeId, tuple[TaskExecutionId, str]]:
        """Those of a task, its items and its child executions: the task that asked, by its name."""
        # Their ids go on with a dot, or with the number of an attempt.
        rows = await self._statements.fetch(
            "SELECT i.invoke_id, i.task_id, t.name FROM task_invocations i"
            " JOIN task_executions t ON t.id = i.task_id"
            " WHERE i.task_id = ? OR i.task_id >= ? AND i.task_id < ?"
            " OR i.task_id >= ? AND i.task_id < ? ORDER BY i.task_id, i.invoke_id",
            task_id,
            f"{task_id}.",
            f"{task_id}/",
            f"{task_id}r",
            f"{task_id}s",
        )
        return {row[0]: (row[1], row[2]) for row in rows}
