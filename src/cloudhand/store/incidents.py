"""What has gone wrong since somebody looked last: read off moves and agents, and marked as seen."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from cloudhand.core.ids import ExecutionId, InstanceId
from cloudhand.core.invocation import FAILURE_STATES, TARGET, UNFINISHED
from cloudhand.store.database import Row, Statements
from cloudhand.store.rows import from_ms, marks, moment, to_ms

EVENTS, OVERDUE = "events", "overdue"  # names of marks

_FAILED = sorted(FAILURE_STATES)
_UNFINISHED = sorted(UNFINISHED)
_FINAL = sorted(TARGET.final)
# Runs that ended since: ids of invocations, or of runs of those that run again, and instances.
_ENDED = (
    "SELECT substr(id, 1, instr(id, '/') - 1) AS task, substr(id, instr(id, '/') + 1) AS machine,"
    " to_state, at FROM events WHERE number > ? AND noun = 'target'"
    f" AND from_state IN ({marks(_UNFINISHED)})"
)


@dataclass(frozen=True, kw_only=True)
class FailedMachine:
    instance_id: InstanceId
    state: str
    exit_code: int | None
    error_code: str


@dataclass(frozen=True, kw_only=True)
class NotBack:
    instance_id: InstanceId
    kind: str  # restart, stop
    invoke_id: str  # empty: no command asked for it
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Silence:
    """Of an agent of a machine that should run."""

    instance_id: InstanceId
    name: str
    heard_at: datetime | None  # None: never
    since: datetime  # when the machine was started, where that is later


class Incidents:
    def __init__(self, statements: Statements) -> None:
        self._statements = statements

    async def last_move(self) -> int:
        """The number of the newest of events; 0: there is none."""
        rows = await self._statements.fetch("SELECT coalesce(max(number), 0) FROM events")
        return int(rows[0][0])

    async def mark(self, name: str) -> int:
        rows = await self._statements.fetch(
            "SELECT value FROM notification_marks WHERE name = ?", name
        )
        return int(rows[0][0]) if rows else 0

    async def set_mark(self, name: str, value: int) -> None:
        await self._statements.change(
            "INSERT INTO notification_marks (name, value) VALUES (?, ?)"
            " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            name,
            value,
        )

    async def lower_mark(self) -> None:
        """The newest moves have been forgotten, and their numbers will be given again."""
        await self._statements.change(
            "UPDATE notification_marks SET value = (SELECT coalesce(max(number), 0) FROM events)"
            " WHERE name = ? AND value > (SELECT coalesce(max(number), 0) FROM events)",
            EVENTS,
        )

    async def failed_invocations(self, after: int) -> list[tuple[str, datetime]]:
        """Those that have ended since, and on some machine not well; and when."""
        rows = await self._statements.fetch(
            f"SELECT task, max(at) FROM ({_ENDED} AND to_state IN ({marks(_FINAL)})) AS ended"
            " WHERE EXISTS (SELECT 1 FROM target_states WHERE invoke_id = task AND count > 0"
            f" AND state IN ({marks(_FAILED)}))"
            " AND NOT EXISTS (SELECT 1 FROM target_states WHERE invoke_id = task AND count > 0"
            f" AND state IN ({marks(_UNFINISHED)})) GROUP BY task ORDER BY max(at), task",
            after,
            *_UNFINISHED,
            *_FINAL,
            *_FAILED,
            *_UNFINISHED,
        )
        return [(task, moment(at)) for task, at in rows]

    async def failed_runs(self, after: int) -> dict[str, tuple[datetime, list[InstanceId]]]:
        """The machines on which a run of what runs again has failed since, by the run's id."""
        rows = await self._statements.fetch(
            f"SELECT task, machine, at FROM ({_ENDED} AND to_state IN ({marks(_FAILED)})) AS ended"
            " WHERE instr(task, '.') > 0 ORDER BY at, task, machine",
            after,
            *_UNFINISHED,
            *_FAILED,
        )
        found: dict[str, tuple[datetime, list[InstanceId]]] = {}
        for task, machine, at in rows:
            found.setdefault(task, (moment(at), []))[1].append(machine)
        return found

    async def states(self, invoke_id: str) -> dict[str, int]:
        """How many of its targets are in each state."""
        rows = await self._statements.fetch(
            "SELECT state, count FROM target_states WHERE invoke_id = ? AND count > 0"
            " ORDER BY state",
            invoke_id,
        )
        return {state: count for state, count in rows}

    async def failed_machines(self, invoke_id: str, *, limit: int) -> list[FailedMachine]:
        rows = await self._statements.fetch(
            "SELECT instance_id, state, exit_code, error_code FROM targets"
            f" WHERE invoke_id = ? AND state IN ({marks(_FAILED)}) ORDER BY instance_id LIMIT ?",
            invoke_id,
            *_FAILED,
            limit,
        )
        return [_failed(row) for row in rows]

    async def failed_in_run(
        self, invoke_id: str, run: int, instance_ids: Sequence[InstanceId]
    ) -> list[FailedMachine]:
        rows = await self._statements.fetch(
            "SELECT instance_id, state, exit_code, error_code FROM past_runs"
            f" WHERE invoke_id = ? AND run = ? AND instance_id IN ({marks(instance_ids)})"
            " ORDER BY instance_id",
            invoke_id,
            run,
            *instance_ids,
        )
        return [_failed(row) for row in rows]

    async def command_name(self, invoke_id: str) -> str:
        rows = await self._statements.fetch(
            "SELECT command_name FROM invocations WHERE id = ?", invoke_id
        )
        return str(rows[0][0]) if rows else ""

    async def failed_executions(self, after: int) -> list[tuple[ExecutionId, str, datetime]]:
        """Those that somebody or a trigger has started, with the names of their templates."""
        rows = await self._statements.fetch(
            "SELECT executions.id, template_name, at FROM events"
            " JOIN executions ON executions.id = events.id"
            " WHERE number > ? AND noun = 'execution' AND to_state = 'Failed'"
            # Ids of those that a task has started have the task in them.
            " AND instr(executions.id, '.t') = 0 ORDER BY number",
            after,
        )
        return [(id_, name, moment(at)) for id_, name, at in rows]

    async def failed_upgrades(self, after: int) -> list[tuple[InstanceId, str, str, datetime]]:
        """Of those that nobody had asked for: the machine, the release, and what they came to."""
        rows = await self._statements.fetch(
            "SELECT instance_id, to_release, to_state, at FROM events"
            " JOIN agent_upgrades ON agent_upgrades.id = events.id"
            " WHERE number > ? AND noun = 'upgrade' AND automatic = 1"
            " AND from_state IN ('Asked', 'Trying')"
            " AND to_state IN ('RolledBack', 'Refused', 'TimedOut') ORDER BY number",
            after,
        )
        return [(id_, release, state, moment(at)) for id_, release, state, at in rows]

    async def not_back(self, after: int) -> list[NotBack]:
        """Machines that did not come back in time, or did not go down."""
        ordered = await self._statements.fetch(
            "SELECT power_actions.instance_id, kind, invoke_id, at FROM events"
            " JOIN power_actions ON power_actions.id = events.id"
            " WHERE number > ? AND noun = 'power action' AND to_state = 'Overdue'"
            # What is known of it already is told below, when it is known.
            " AND NOT EXISTS (SELECT 1 FROM events AS failed WHERE failed.id = instance_id AND"
            " failed.noun = 'instance' AND failed.event = 'start failed' AND failed.at >= asked_at)"
            " ORDER BY number",
            after,
        )
        failed = await self._statements.fetch(
            "SELECT id, 'restart', '', at FROM events WHERE number > ? AND noun = 'instance'"
            " AND event = 'start failed' AND from_state = 'Rebooting' ORDER BY number",
            after,
        )
        return [
            NotBack(instance_id=id_, kind=kind, invoke_id=invoke_id, at=moment(at))
            for id_, kind, invoke_id, at in (*ordered, *failed)
        ]

    async def names(self, instance_ids: Collection[InstanceId]) -> Mapping[InstanceId, str]:
        found = marks(instance_ids)
        rows = await self._statements.fetch(
            f"SELECT id, name FROM instances WHERE id IN ({found}) UNION ALL"
            f" SELECT id, name FROM managed_instances WHERE id IN ({found})",
            *instance_ids,
            *instance_ids,
        )
        return {id_: name for id_, name in rows}

    async def silent(self, *, since: datetime) -> list[Silence]:
        """Machines that should run, did so before then, and of which nothing was heard after."""
        rows = await self._statements.fetch(
            "SELECT id, name, last_seen_at, coalesce(started_at, created_at) FROM instances"
            " LEFT JOIN agents ON instance_id = id WHERE state IN ('Starting', 'Running',"
            " 'Rebooting') AND coalesce(started_at, created_at) <= ?"
            " AND coalesce(last_seen_at, 0) <= ?"
            " UNION ALL SELECT id, name, last_seen_at, registered_at FROM managed_instances"
            " LEFT JOIN agents ON instance_id = id WHERE deregistered_at IS NULL"
            " AND registered_at <= ? AND coalesce(last_seen_at, 0) <= ? ORDER BY id",
            *[to_ms(since)] * 4,
        )
        return [
            Silence(
                instance_id=id_,
                name=name,
                heard_at=from_ms(heard),
                since=moment(max(heard or 0, at)),
            )
            for id_, name, heard, at in rows
        ]

    async def silences(self) -> dict[InstanceId, datetime]:
        """Since when each was silent that is known to be."""
        rows = await self._statements.fetch("SELECT instance_id, since FROM silences")
        return {id_: moment(since) for id_, since in rows}

    async def heard_again(self) -> list[InstanceId]:
        """Those of them that have been heard of since, and should run."""
        rows = await self._statements.fetch(
            "SELECT silences.instance_id FROM silences JOIN agents"
            " ON agents.instance_id = silences.instance_id AND last_seen_at > since"
            " WHERE EXISTS (SELECT 1 FROM instances WHERE id = silences.instance_id"
            " AND state IN ('Starting', 'Running', 'Rebooting'))"
            " OR EXISTS (SELECT 1 FROM managed_instances WHERE id = silences.instance_id"
            " AND deregistered_at IS NULL) ORDER BY silences.instance_id"
        )
        return [row[0] for row in rows]

    async def need_not_run(self) -> list[InstanceId]:
        """Those of them that have been stopped, released or deregistered."""
        rows = await self._statements.fetch(
            "SELECT instance_id FROM silences WHERE NOT EXISTS (SELECT 1 FROM instances"
            " WHERE id = instance_id AND state IN ('Starting', 'Running', 'Rebooting'))"
            " AND NOT EXISTS (SELECT 1 FROM managed_instances WHERE id = instance_id"
            " AND deregistered_at IS NULL)"
        )
        return [row[0] for row in rows]

    async def fell_silent(self, silences: Sequence[Silence]) -> None:
        await self._statements.change_many(
            "INSERT INTO silences (instance_id, since) VALUES (?, ?)",
            [(one.instance_id, to_ms(one.since)) for one in silences],
        )

    async def spoke(self, instance_ids: Sequence[InstanceId]) -> None:
        await self._statements.change_many(
            "DELETE FROM silences WHERE instance_id = ?", [(one,) for one in instance_ids]
        )


def _failed(row: Row) -> FailedMachine:
    return FailedMachine(instance_id=row[0], state=row[1], exit_code=row[2], error_code=row[3])
