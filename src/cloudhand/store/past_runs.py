"""Runs that have ended of commands that run again. What they say changes only by testimony."""

from __future__ import annotations

from datetime import datetime

from cloudhand.core.invocation import RunKey, Target
from cloudhand.core.orders import InvocationFilter
from cloudhand.core.page import Page, Window
from cloudhand.store.cursors import paged
from cloudhand.store.database import Statements
from cloudhand.store.rows import marks, to_ms
from cloudhand.store.target_rows import COLUMNS, OF_RUN, read_target, run_row

_OF_RUN = [f"p.{column}" for column in OF_RUN.split(", ")]
_AS_TARGETS = (
    "SELECT p.invoke_id, p.instance_id, t.created_at, p.run, 0 AS version, NULL AS deadline_at,"
    f" NULL AS next_at, 0 AS on_boot, {', '.join(_OF_RUN)}"
    " FROM past_runs AS p JOIN targets AS t USING (invoke_id, instance_id)"
)
_KEYS = ("run", "instance_id")


class PastRuns:
    def __init__(self, statements: Statements) -> None:
        self._statements = statements

    async def put(self, run: Target) -> None:
        """Keep how a run ended, in place of what was said of it before."""
        columns = OF_RUN.split(", ")
        await self._statements.change(
            f"INSERT INTO past_runs (invoke_id, instance_id, run, {OF_RUN})"
            f" VALUES ({marks(range(3 + len(columns)))}) ON CONFLICT DO UPDATE SET "
            + ", ".join(f"{column} = excluded.{column}" for column in columns),
            *run.key,
            *run_row(run),
        )

    async def get(self, key: RunKey) -> Target | None:
        rows = await self._statements.fetch(
            f"{_AS_TARGETS} WHERE p.invoke_id = ? AND p.instance_id = ? AND p.run = ?", *key
        )
        return read_target(rows[0]) if rows else None

    async def find(self, wanted: InvocationFilter, window: Window) -> Page[Target]:
        """All runs of one invocation, newest first, also those that go on.

        Instance and states count beside it; the states are those of runs.
        """
        condition = "invoke_id = ?"
        values: list[object] = [wanted.invoke_id]
        if wanted.instance_id is not None:
            condition += " AND instance_id = ?"
            values.append(wanted.instance_id)
        if wanted.states:
            condition += f" AND state IN ({marks(wanted.states)})"
            values += sorted(wanted.states)
        rows, total, after = await paged(
            self._statements,
            f"SELECT {COLUMNS}, {', '.join(_KEYS)} FROM ({_AS_TARGETS} UNION ALL"
            f" SELECT {COLUMNS} FROM targets WHERE run > 0 AND deadline_at IS NOT NULL)"
            f" WHERE {condition}",
            values,
            keys=_KEYS,
            window=window,
        )
        return Page(items=[read_target(row) for row in rows], total=total, next=after)

    async def forget(self, *, before: datetime) -> None:
        """Drop what ended before, with its output."""
        old = "SELECT invoke_id, instance_id, run FROM past_runs WHERE updated_at < ?"
        await self._statements.change(
            f"DELETE FROM outputs WHERE (invoke_id, instance_id, run) IN ({old})", to_ms(before)
        )
        await self._statements.change("DELETE FROM past_runs WHERE updated_at < ?", to_ms(before))
