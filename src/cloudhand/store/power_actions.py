"""Power actions that commands asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from cloudhand.core import audit
from cloudhand.core.audit import Record
from cloudhand.core.ids import InstanceId
from cloudhand.core.invocation import RunKey
from cloudhand.core.power import POWER, Event, Kind, PowerAction, State
from cloudhand.store.audit import Audit
from cloudhand.store.database import Row, Statements
from cloudhand.store.events import Events, Move
from cloudhand.store.rows import from_ms, marks, moment, to_ms, value_marks

_COLUMNS = (
    "id, instance_id, invoke_id, run, kind, state, version, asked_at, deadline_at, boot_id_before,"
    " boot_id_after, done_at, ordered_at, reason"
)
_COUNT = 14


class PowerActions:
    def __init__(self, statements: Statements, events: Events, audit: Audit) -> None:
        self._statements = statements
        self._events = events
        self._audit = audit

    async def add(self, action: PowerAction) -> None:
        await self._statements.change(
            f"INSERT INTO power_actions ({_COLUMNS}) VALUES ({marks(range(_COUNT))})",
            action.id,
            action.instance_id,
            action.invoke_id,
            action.run,
            action.kind,
            action.state,
            action.version,
            to_ms(action.asked_at),
            to_ms(action.deadline_at),
            action.boot_id_before,
            action.boot_id_after,
            to_ms(action.done_at),
            to_ms(action.ordered_at),
            action.reason,
        )

    async def open(self, instance_id: InstanceId) -> list[PowerAction]:
        """Those of an instance that are neither done nor overdue, oldest first."""
        return _actions(
            await self._statements.fetch(
                f"SELECT {_COLUMNS} FROM power_actions"
                " WHERE instance_id = ? AND deadline_at IS NOT NULL ORDER BY asked_at, id",
                instance_id,
            )
        )

    async def due(self, now: datetime) -> list[PowerAction]:
        return _actions(
            await self._statements.fetch(
                f"SELECT {_COLUMNS} FROM power_actions"
                " WHERE deadline_at <= ? ORDER BY deadline_at LIMIT 100",
                to_ms(now),
            )
        )

    async def postpone(self, until: datetime) -> None:
        """No deadline falls before ``until``."""
        await self._statements.change(
            "UPDATE power_actions SET deadline_at = ? WHERE deadline_at < ?",
            to_ms(until),
            to_ms(until),
        )

    async def of(self, keys: Sequence[RunKey]) -> dict[RunKey, PowerAction]:
        """The power action of each run that has one."""
        if not keys:
            return {}
        rows = await self._statements.fetch(
            f"WITH found (invoke_id, instance_id, run) AS (VALUES {value_marks(keys, 3)})"
            f" SELECT {_COLUMNS} FROM found CROSS JOIN power_actions"
            " USING (invoke_id, instance_id, run)",
            *(part for key in keys for part in key),
        )
        found = _actions(rows)
        return {(action.invoke_id, action.instance_id, action.run): action for action in found}

    async def still_held(self, action: PowerAction, *, until: datetime, reason: str) -> None:
        """Its agent has asked again, and was told again to wait."""
        await self._statements.change(
            "UPDATE power_actions SET deadline_at = ?, reason = ? WHERE id = ?",
            to_ms(until),
            reason,
            action.id,
        )

    async def move(
        self, action: PowerAction, event: Event, *, at: datetime, source: str, **changes: Any
    ) -> PowerAction:
        state = POWER.move(action.state, event)
        final = state in POWER.final
        if final:
            changes = {**changes, "deadline_at": None}
        moved = replace(action, state=state, version=action.version + 1, **changes)
        changed = await self._statements.change(
            "UPDATE power_actions SET state = ?, version = ?, deadline_at = ?, boot_id_after = ?,"
            " done_at = ?, ordered_at = ?, reason = ? WHERE id = ? AND version = ?",
            moved.state,
            moved.version,
            to_ms(moved.deadline_at),
            moved.boot_id_after,
            to_ms(moved.done_at),
            to_ms(moved.ordered_at),
            moved.reason,
            action.id,
            action.version,
        )
        if not changed:
            raise RuntimeError(f"cannot move {action.id}: it was moved by somebody else")
        await self._events.add(
            [
                Move(
                    noun="power action",
                    id=action.id,
                    from_state=action.state,
                    event=event,
                    to_state=state,
                    at=at,
                    source=source,
                )
            ]
        )
        if final:
            await self._record(moved, at)
        return moved

    async def _record(self, action: PowerAction, at: datetime) -> None:
        by = await self._statements.fetch(
            "SELECT json_extract(detail, '$.by') FROM invocations WHERE id = ?", action.invoke_id
        )
        facts = {
            "invokeId": action.invoke_id,
            "bootIdBefore": action.boot_id_before,
            "bootIdAfter": action.boot_id_after,
            "reason": action.reason or None,
        }
        await self._audit.add(
            Record(
                kind=audit.Kind.POWER,
                at=at,
                action=f"power:{action.kind}",
                who=(by[0][0] if by else "") or "",
                outcome=audit.OK if action.state is State.DONE else action.state,
                things=(f"instance/{action.instance_id}",),
                facts=facts,
            )
        )

    async def forget(self, *, before: datetime) -> int:
        """Drop what was asked for by invocations that have been dropped; how many."""
        return await self._statements.change(
            "DELETE FROM power_actions WHERE asked_at < ? AND deadline_at IS NULL"
            " AND NOT EXISTS (SELECT 1 FROM invocations WHERE id = invoke_id)",
            to_ms(before),
        )


def _actions(rows: Sequence[Row]) -> list[PowerAction]:
    return [
        PowerAction(
            id=id_,
            instance_id=instance_id,
            invoke_id=invoke_id,
            run=run,
            kind=Kind(kind),
            state=State(state),
            version=version,
            asked_at=moment(asked_at),
            deadline_at=from_ms(deadline_at),
            boot_id_before=before,
            boot_id_after=after,
            done_at=from_ms(done_at),
            ordered_at=from_ms(ordered_at),
            reason=reason,
        )
        for (
            id_,
            instance_id,
            invoke_id,
            run,
            kind,
            state,
            version,
            asked_at,
            deadline_at,
            before,
            after,
            done_at,
            ordered_at,
            reason,
        ) in rows
    ]
