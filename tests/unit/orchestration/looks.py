"""Looks at a task, one after the other, in a world that answers as it is told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from cloudhand.core.task import Notice
from cloudhand.orchestration.action import Again, Outcome, Reply, Task, Waits, looked
from cloudhand.orchestration.actions import ACTIONS
from cloudhand.orchestration.values import text
from cloudhand.programs.pool import Pool

BEGIN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class Looks:
    """One task. ``replies`` are given in turn, the last one again and again."""

    def __init__(
        self,
        action: str,
        given: Mapping[str, Any],
        *,
        replies: Sequence[Reply | Mapping[str, Any]] = (),
        retry: Mapping[str, Any] | None = None,
        posts: Sequence[int | OSError] = (),
    ) -> None:
        self.action = ACTIONS[action]
        self.given = given
        self.now = BEGIN
        self.memo: Mapping[str, Any] = {}
        self.notices: list[Notice] = []
        self.called: list[tuple[str, str, Mapping[str, Any], str, bool]] = []
        self.posted: list[tuple[Any, Mapping[str, str], Any, str]] = []
        self._replies = [one if isinstance(one, Reply) else Reply(body=one) for one in replies]
        self._retry = retry or {}
        self._posts = list(posts)
        self.programs = Pool()

    async def look(self, **later: float) -> Outcome:
        """Let time pass, and look."""
        self.now += timedelta(**later)
        outcome = await looked(self.action, self._task(), self.given)
        if isinstance(outcome, Again | Waits):
            self.memo = outcome.memo
        return outcome

    async def to_its_end(self, *, most: int = 1000) -> tuple[Outcome, list[float]]:
        """What comes of it when each look comes in its time, and the pauses in seconds."""
        pauses: list[float] = []
        for _ in range(most):
            outcome = await self.look()
            if not isinstance(outcome, Again):
                return outcome, pauses
            pauses.append(outcome.after.total_seconds())
            self.now += outcome.after
        raise AssertionError("it does not end")

    def hear(self, type: str, by: str, note: str = "") -> None:
        self.notices.append(Notice(type=type, by=by, note=note))

    def _task(self) -> Task:
        return Task(
            id="exec-1.t0001",
            execution_id="exec-1",
            name="it",
            item=None,
            attempt=1,
            began_at=BEGIN,
            now=self.now,
            memo=self.memo,
            retry=self._retry,
            notices=self.notices,
            region_id="cn-hangzhou",
            call=self._call,
            send=self._send,
            programs=self.programs,
        )

    async def _call(
        self, service: str, api: str, given: Mapping[str, Any], *, effect: str, pages: bool = True
    ) -> Reply:
        self.called.append((service, api, given, effect, pages))
        return self._replies[min(len(self.called), len(self._replies)) - 1]

    async def _send(self, url: Any, *, headers: Mapping[str, Any], content: Any, key: str) -> int:
        told = {name: text(value) for name, value in headers.items()}
        self.posted.append((url, told, content, key))
        answer = self._posts[min(len(self.posted), len(self._posts)) - 1]
        if isinstance(answer, OSError):
            raise answer
        return answer


@asynccontextmanager
async def looks(action: str, given: Mapping[str, Any], **more: Any) -> AsyncIterator[Looks]:
    made = Looks(action, given, **more)
    yield made
    await made.programs.close()
