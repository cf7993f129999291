"""Targets: what becomes of an invocation on each instance. They are moved here or nowhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from cloudhand.core import invocation as core
from cloudhand.core.ids import InstanceId, InvokeId
from cloudhand.core.invocation import TARGET, Event, RunKey, State, Target
from cloudhand.core.orders import InvocationFilter
from cloudhand.core.page import Page, Window
from cloudhand.store.cursors import paged
from cloudhand.store.database import Statements
from cloudhand.store.events import Events, Move
from cloudhand.store.invocations import Choice, choice
from cloudhand.store.past_runs import PastRuns
from cloudhand.store.rows import from_ms, marks, to_json, to_ms
from cloudhand.store.target_rows import COLUMNS, COUNT, FIXED_COUNT, read_target, target_row
from cloudhand.store.watches import Watches

_OF_TARGETS = ", ".join(f"targets.{column}" for column in COLUMNS.split(", "))
_CHANGING = ", ".join(f"{column} = ?" for column in COLUMNS.split(", ")[FIXED_COUNT:])
_UPDATE = f"UPDATE targets SET {_CHANGING} WHERE invoke_id = ? AND instance_id = ? AND version = ?"


class Targets:
    def __init__(
        self, statements: Statements, events: Events, watches: Watches, past_runs: PastRuns
    ) -> None:
        self._statements = statements
        self._events = events
        self._watches = watches
        self._past_runs = past_runs

    async def add(self, targets: Sequence[Target]) -> None:
        await self._statements.change_many(
            f"INSERT INTO targets ({COLUMNS}) VALUES ({marks(range(COUNT))})",
            [target_row(target) for target in targets],
        )
        for invoke_id, count in Counter(target.invoke_id for target in targets).items():
            await self._count(invoke_id, count)

    async def add_alike(self, target: Target, instance_ids: Sequence[InstanceId]) -> None:
        """The same target on each of these, by one statement."""
        of_invocation, _, *rest = target_row(target)
        values = ", ".join(["?", "value", *("?" * len(rest))])
        await self._statements.change(
            f"INSERT INTO targets ({COLUMNS}) SELECT {values} FROM json_each(?)",
            of_invocation,
            *rest,
            to_json(instance_ids),
        )
        await self._count(target.invoke_id, len(instance_ids))

    async def _count(self, invoke_id: InvokeId, more: int) -> None:
        await self._statements.change(
            "UPDATE invocations SET target_count = target_count + ? WHERE id = ?", more, invoke_id
        )

    async def get(self, invoke_id: InvokeId, instance_id: InstanceId) -> Target | None:
        rows = await self._statements.fetch(
            f"SELECT {COLUMNS} FROM targets WHERE invoke_id = ? AND instance_id = ?",
            invoke_id,
            instance_id,
        )
        return read_target(rows[0]) if rows else None

    async def run(self, key: RunKey) -> Target | None:
        """A run, whether it goes on or is past."""
        invoke_id, instance_id, number = key
        target = await self.get(invoke_id, instance_id)
        if target is None or (target.run == number and (not number or target.deadline_at)):
            return target
        return await self._past_runs.get(key)

    async def of(self, invoke_ids: Sequence[InvokeId]) -> list[Target]:
        """All targets of the invocations, in the order of their instance ids."""
        rows = await self._statements.fetch(
            f"SELECT {COLUMNS} FROM targets WHERE invoke_id IN ({marks(invoke_ids)})"
            " ORDER BY invoke_id, instance_id",
            *invoke_ids,
        )
        return [read_target(row) for row in rows]

    async def unfinished(self, instance_id: InstanceId) -> list[Target]:
        """What an instance still has to do, oldest first."""
        rows = await self._statements.fetch(
            f"SELECT {COLUMNS} FROM targets"
            " WHERE instance_id = ? AND deadline_at IS NOT NULL ORDER BY created_at, invoke_id",
            instance_id,
        )
        return [read_target(row) for row in rows]

    async def unending(self, instance_id: InstanceId) -> list[Target]:
        """What an instance still has to do, now or later."""
        rows = await self._statements.fetch(
            f"SELECT {COLUMNS} FROM targets WHERE instance_id = ?"
            " AND (deadline_at IS NOT NULL OR state = 'Scheduled')",
            instance_id,
        )
        return [read_target(row) for row in rows]

    async def awaiting_boot(self, instance_id: InstanceId) -> list[Target]:
        """What runs when an instance has started, in the order in which it was asked for."""
        rows = await self._statements.fetch(
            f"SELECT {COLUMNS} FROM targets WHERE instance_id = ? AND on_boot = 1"
            " ORDER BY created_at, invoke_id",
            instance_id,
        )
        return [read_target(row) for row in rows]

    async def coming(self, now: datetime) -> list[Target]:
        """What is to run now, the longest due first."""
        rows = await self._statements.fetch(
            f"SELECT {COLUMNS} FROM targets WHERE next_at <= ? ORDER BY next_at LIMIT 500",
            to_ms(now),
        )
        return [read_target(row) for row in rows]

    async def next_moment(self) -> datetime | None:
        """When something is to run next."""
        rows = await self._statements.fetch(
            "SELECT min(next_at) FROM targets WHERE next_at IS NOT NULL"
        )
        return from_ms(rows[0][0])

    async def running_counts(self) -> dict[InstanceId, int]:
        rows = await self._statements.fetch(
            "SELECT instance_id, count(*) FROM targets"
            " WHERE deadline_at IS NOT NULL AND state <> 'Pending' GROUP BY instance_id"
        )
        return {instance_id: count for instance_id, count in rows}

    async def waiting_instances(self, *, since: datetime) -> list[InstanceId]:
        """Instances whose agents have had something to fetch ``since`` then, or longer."""
        rows = await self._statements.fetch(
            "SELECT DISTINCT instance_id FROM targets"
            " WHERE deadline_at IS NOT NULL AND state IN ('Pending', 'Stopping')"
            " AND updated_at <= ?",
            to_ms(since),
        )
        return [row[0] for row in rows]

    async def due(self, now: datetime) -> list[Target]:
        rows = await self._statements.fetch(
            f"SELECT {COLUMNS} FROM targets WHERE deadline_at <= ? ORDER BY deadline_at LIMIT 500",
            to_ms(now),
        )
        return [read_target(row) for row in rows]

    async def postpone(self, until: datetime) -> None:
        """No deadline falls before ``until``."""
        await self._statements.change(
            "UPDATE targets SET deadline_at = ? WHERE deadline_at < ?", to_ms(until), to_ms(until)
        )

    async def next_deadline(self) -> datetime | None:
        rows = await self._statements.fetch(
            "SELECT min(deadline_at) FROM targets WHERE deadline_at IS NOT NULL"
        )
        return from_ms(rows[0][0])

    async def move(
        self, target: Target, event: Event, *, at: datetime, source: str, **changes: Any
    ) -> Target:
        """Apply an event, and ``changes`` to other fields. IllegalMove leaves all as it was."""
        return await self._save(
            target, TARGET.move(target.state, event), event, at, source, changes
        )

    async def fire(self, target: Target, *, at: datetime, source: str, **changes: Any) -> Target:
        """Begin the next run of a target, which knows nothing of the last one."""
        return await self._save(
            target,
            TARGET.move(target.state, Event.FIRED),
            Event.FIRED,
            at,
            source,
            {
                "run": target.run + 1,
                "fetched_at": None,
                "started_at": None,
                "finished_at": None,
                "exit_code": None,
                "error_code": "",
                "error_info": "",
                "dropped": 0,
                "inferred": False,
                "receipt": None,
                **changes,
            },
        )

    async def correct(
        self, target: Target, event: Event, *, at: datetime, source: str, **changes: Any
    ) -> Target:
        """Replace an inferred verdict by what the agent testifies; it is inferred no more."""
        state = core.corrected(target, event)
        changes["inferred"] = False
        if not target.run:
            return await self._save(target, state, event, at, source, changes)
        run = replace(target, state=state, updated_at=at, **changes)
        await self._past_runs.put(run)
        await self._tell(target, event, state, at, source)
        current = await self.get(target.invoke_id, target.instance_id)
        if current is not None and current.run == run.run:
            # What waits for its next run shows the end of the last one, too.
            await self.note(
                current, state=current.state if current.comes_again else state, **changes
            )
        return run

    async def note(self, target: Target, **changes: Any) -> Target:
        """Change fields of a target that stays in its state."""
        changed = replace(target, version=target.version + 1, **changes)
        await self._update(target, changed)
        return changed

    async def _save(
        self,
        target: Target,
        state: State,
        event: Event,
        at: datetime,
        source: str,
        changes: dict[str, Any],
    ) -> Target:
        moved = replace(target, state=state, version=target.version + 1, updated_at=at, **changes)
        if moved.final:
            moved = replace(moved, deadline_at=None)
            if moved.run and target.deadline_at is not None:
                await self._past_runs.put(moved)
        await self._tell(target, event, moved.state, at, source)
        if moved.final and moved.comes_again:
            moved = replace(moved, state=TARGET.move(target.state, Event.AGAIN))
            await self._tell(target, Event.AGAIN, moved.state, at, source)
        await self._update(target, moved)
        if moved.final:
            await self._watches.wake(moved.invoke_id, at=at)
        return moved

    async def _tell(
        self, target: Target, event: Event, state: State, at: datetime, source: str
    ) -> None:
        await self._events.add(
            [
                Move(
                    noun="target",
                    id=f"{target.task_id}/{target.instance_id}",
                    from_state=target.state,
                    event=event,
                    to_state=state,
                    at=at,
                    source=source,
                )
            ]
        )

    async def _update(self, before: Target, after: Target) -> None:
        changed = await self._statements.change(
            _UPDATE,
            *target_row(after)[FIXED_COUNT:],
            before.invoke_id,
            before.instance_id,
            before.version,
        )
        if not changed:
            raise RuntimeError(
                f"cannot move {before.invoke_id} on {before.instance_id}: somebody else did"
            )

    async def find(self, wanted: InvocationFilter, window: Window) -> Page[Target]:
        """Newest invocation first."""
        of = choice(wanted)
        condition, values = of.condition, list(of.values)
        found = "FROM targets"
        keys = ("targets.created_at", "targets.invoke_id", "targets.instance_id")
        counted: str | None = None  # where nobody has counted already
        states = sorted(wanted.states)
        among = f" AND targets.state IN ({marks(states)})" if states else ""
        if condition != "1 = 1":
            # One invocation after the other, each with its targets: nothing has to be sorted.
            found = f"{of.source} CROSS JOIN targets ON targets.invoke_id = {of.id}"
            keys = (*of.keys, "targets.instance_id")
        elif states and wanted.instance_id is None:
            # Those of each state are in order already, and are merged.
            found = " UNION ALL ".join("SELECT * FROM targets WHERE state = ?" for _ in states)
            found, among = f"FROM ({found}) AS targets", ""
        if wanted.instance_id is None:
            counted = _counted(of, states)
        else:
            condition += " AND targets.instance_id = ?"
            values.append(wanted.instance_id)
        rows, total, after = await paged(
            self._statements,
            f"SELECT {_OF_TARGETS}, {', '.join(keys)} {found} WHERE {condition}{among}",
            [*values, *states],
            keys=keys,
            window=window,
            counted=counted,
        )
        return Page(items=[read_target(row) for row in rows], total=total, next=after)


def _counted(of: Choice, states: Sequence[str]) -> str:
    """How many targets there are of invocations, in these states or in any."""
    everything = of.condition == "1 = 1"
    if not everything and not states:
        count = f"coalesce(sum({of.table}.target_count), 0)"
        return f"SELECT {count} {of.source} WHERE {of.condition}"
    among = of.condition + (f" AND state IN ({marks(states)})" if states else "")
    if everything:
        return f"SELECT coalesce(sum(count), 0) FROM state_totals WHERE {among}"
    return (
        f"SELECT coalesce(sum(count), 0) {of.source}"
        f" CROSS JOIN target_states ON target_states.invoke_id = {of.id} WHERE {among}"
    )
