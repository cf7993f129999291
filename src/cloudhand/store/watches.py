"""Who waits for a change of something: tasks that are looked at again when it comes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cloudhand.core.ids import ExecutionId, TaskExecutionId
from cloudhand.store.database import Statements
from cloudhand.store.rows import to_ms


class Watches:
    def __init__(self, statements: Statements) -> None:
        self._statements = statements

    async def add(self, watches: Sequence[tuple[str, TaskExecutionId, ExecutionId]]) -> None:
        """Each is a thing, and the task of an execution that waits for it."""
        await self._statements.change_many(
            "INSERT INTO watches (thing, task_id, execution_id) VALUES (?, ?, ?)"
            " ON CONFLICT DO NOTHING",
            watches,
        )

    async def of(self, task_id: TaskExecutionId) -> list[str]:
        """The things that a task waits for."""
        found = await self._statements.fetch(
            "SELECT thing FROM watches WHERE task_id = ? ORDER BY thing", task_id
        )
        return [row[0] for row in found]

    async def remove(self, task_ids: Sequence[TaskExecutionId]) -> None:
        await self._statements.change_many(
            "DELETE FROM watches WHERE task_id = ?", [(task_id,) for task_id in task_ids]
        )

    async def wake(self, thing: str, *, at: datetime) -> None:
        """Have everybody look who waits for it."""
        found = await self._statements.fetch(
            "SELECT task_id, execution_id FROM watches WHERE thing = ?", thing
        )
        for task_id, execution_id in found:
            await self.wake_task(task_id, execution_id, at=at)

    async def wake_task(
        self, task_id: TaskExecutionId, execution_id: ExecutionId, *, at: datetime
    ) -> None:
        await self._statements.change(
            "UPDATE task_executions SET due_at = ?, wakes = wakes + 1"
            " WHERE id = ? AND state IN ('Running', 'Waiting')",
            to_ms(at),
            task_id,
        )
        await self._statements.change(
            "UPDATE executions SET due_at = ?, pokes = pokes + 1"
            " WHERE id = ? AND state NOT IN ('Success', 'Failed', 'Cancelled')",
            to_ms(at),
            execution_id,
        )
