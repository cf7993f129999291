"""Upgrades of agents, the last one of each instance. One is moved here or nowhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from cloudhand.core.assistant_settings import AgentUpgradeConfig
from cloudhand.core.audit import OK, Kind, Record
from cloudhand.core.automatic_upgrade import Course
from cloudhand.core.ids import InstanceId
from cloudhand.core.upgrade import UPGRADE, Event, State, Upgrade, ended
from cloudhand.store.audit import Audit
from cloudhand.store.database import Row, Statements
from cloudhand.store.events import Events, Move
from cloudhand.store.rows import from_ms, marks, moment, to_ms

_COLUMNS = (
    "id, instance_id, state, version, from_release, from_package, to_release, to_package, reason,"
    " asked_at, deadline_at, ended_at, automatic, failed_package, failed_at"
)

# Who asks for those that nobody does.
_SETTING = AgentUpgradeConfig.__name__


class Upgrades:
    def __init__(self, statements: Statements, events: Events, audit: Audit) -> None:
        self._statements = statements
        self._events = events
        self._audit = audit

    async def put(self, upgrade: Upgrade) -> None:
        """In place of an earlier one of its instance."""
        await self.drop(upgrade.instance_id)
        await self._statements.change(
            f"INSERT INTO agent_upgrades ({_COLUMNS}) VALUES ({marks(range(15))})",
            upgrade.id,
            upgrade.instance_id,
            upgrade.state,
            upgrade.version,
            upgrade.from_release,
            upgrade.from_package,
            upgrade.to_release,
            upgrade.to_package,
            upgrade.reason,
            to_ms(upgrade.asked_at),
            to_ms(upgrade.deadline_at),
            to_ms(upgrade.ended_at),
            int(upgrade.automatic),
            upgrade.failed_package,
            to_ms(upgrade.failed_at),
        )
        if upgrade.automatic:  # else the call that asked for it is on record
            await self._audit.add(_record(upgrade, upgrade.asked_at, who=_SETTING))

    async def of(self, instance_id: InstanceId) -> Upgrade | None:
        return (await self.of_many([instance_id])).get(instance_id)

    async def of_many(self, instance_ids: Sequence[InstanceId]) -> dict[InstanceId, Upgrade]:
        found = await self._found(f"instance_id IN ({marks(instance_ids)})", *instance_ids)
        return {upgrade.instance_id: upgrade for upgrade in found}

    async def course(self, package: str) -> Course:
        """Of the release that has this package."""
        rows = await self._statements.fetch(
            "SELECT count(CASE WHEN state IN ('Asked', 'Trying') THEN 1 END),"
            " count(CASE WHEN state = 'Upgraded' AND to_package = ? THEN 1 END),"
            " count(CASE WHEN state = 'Refused' AND automatic = 1 AND to_package = ? THEN 1 END),"
            " max(CASE WHEN failed_package = ? THEN failed_at END),"
            " max(CASE WHEN state = 'Upgraded' AND automatic = 0 AND to_package = ?"
            " THEN ended_at END) FROM agent_upgrades",
            *[package] * 4,
        )
        under_way, upgraded, refused, failed, confirmed = rows[0]
        return Course(
            under_way=under_way,
            upgraded=upgraded,
            refused=refused,
            failed_at=from_ms(failed),
            confirmed_at=from_ms(confirmed),
        )

    async def next_candidates(
        self,
        package: str,
        *,
        heard_since: datetime,
        started_since: datetime | None,
        after: str,
        limit: int,
    ) -> list[InstanceId]:
        """Whose agents could be asked for a release, and have been neither asked for it by
        themselves nor failed with it. By id; ``started_since``: those that started since."""
        rows = await self._statements.fetch(
            "SELECT agents.instance_id FROM agents LEFT JOIN agent_upgrades AS last"
            " ON last.instance_id = agents.instance_id"
            " WHERE upgradable = 1 AND package <> ? AND last_seen_at >= ?"
            " AND coalesce(process_started_at, 0) >= ? AND agents.instance_id > ?"
            " AND (last.id IS NULL OR (last.deadline_at IS NULL AND last.failed_package <> ?"
            " AND (last.automatic = 0 OR last.to_package <> ?)))"
            " ORDER BY agents.instance_id LIMIT ?",
            package,
            to_ms(heard_since),
            to_ms(started_since) or 0,
            after,
            package,
            package,
            limit,
        )
        return [row[0] for row in rows]

    async def due(self, now: datetime) -> list[Upgrade]:
        """Those that should have ended."""
        return await self._found("deadline_at <= ?", to_ms(now))

    async def next_deadline(self) -> datetime | None:
        rows = await self._statements.fetch("SELECT min(deadline_at) FROM agent_upgrades")
        return from_ms(rows[0][0])

    async def postpone(self, until: datetime) -> None:
        """None ends by itself before ``until``."""
        await self._statements.change(
            "UPDATE agent_upgrades SET deadline_at = ? WHERE deadline_at < ?",
            to_ms(until),
            to_ms(until),
        )

    async def waiting_instances(self, *, since: datetime) -> list[InstanceId]:
        """Where one was asked for before ``since`` that its agent has not fetched."""
        found = await self._found("state = ? AND asked_at <= ?", State.ASKED, to_ms(since))
        return [upgrade.instance_id for upgrade in found]

    async def drop(self, instance_id: InstanceId) -> None:
        await self._statements.change(
            "DELETE FROM agent_upgrades WHERE instance_id = ?", instance_id
        )

    async def move(
        self, upgrade: Upgrade, event: Event, *, at: datetime, source: str, **changes: Any
    ) -> Upgrade:
        return await self._moved(upgrade, UPGRADE.move(upgrade.state, event), event, at, source,
                                 changes)  # fmt: skip

    async def correct(self, upgrade: Upgrade, event: Event, *, at: datetime, reason: str) -> None:
        """Its agent tells after all what became of one that nobody had told of."""
        assert upgrade.state is State.TIMED_OUT
        state = UPGRADE.move(State.TRYING, event)
        await self._moved(upgrade, state, event, at, "agent", {"reason": reason})

    async def _moved(
        self,
        upgrade: Upgrade,
        state: State,
        event: Event,
        at: datetime,
        source: str,
        changes: dict[str, Any],
    ) -> Upgrade:
        moved = replace(upgrade, state=state, version=upgrade.version + 1, **changes)
        if moved.final:
            moved = ended(moved, state, at=at)
        changed = await self._statements.change(
            "UPDATE agent_upgrades SET state = ?, version = ?, to_release = ?, to_package = ?,"
            " reason = ?, deadline_at = ?, ended_at = ?, failed_package = ?, failed_at = ?"
            " WHERE id = ? AND version = ?",
            moved.state,
            moved.version,
            moved.to_release,
            moved.to_package,
            moved.reason,
            to_ms(moved.deadline_at),
            to_ms(moved.ended_at),
            moved.failed_package,
            to_ms(moved.failed_at),
            upgrade.id,
            upgrade.version,
        )
        if not changed:
            raise RuntimeError(f"cannot move {upgrade.id}: it was moved by somebody else")
        await self._events.add(
            [
                Move(
                    noun="upgrade",
                    id=upgrade.id,
                    from_state=upgrade.state,
                    event=event,
                    to_state=state,
                    at=at,
                    source=source,
                )
            ]
        )
        if moved.final:
            await self._audit.add(_record(moved, at, who=moved.instance_id))
        return moved

    async def _found(self, condition: str, *values: object) -> list[Upgrade]:
        rows = await self._statements.fetch(
            f"SELECT {_COLUMNS} FROM agent_upgrades WHERE {condition} ORDER BY asked_at, id",
            *values,
        )
        return [_upgrade(row) for row in rows]


def _record(upgrade: Upgrade, at: datetime, *, who: str) -> Record:
    return Record(
        kind=Kind.JOINING,
        at=at,
        action=f"agent:{upgrade.state}",
        who=who,
        outcome=OK,
        things=(f"instance/{upgrade.instance_id}",),
        facts={"package": upgrade.to_package, "why": upgrade.reason[:100]},
    )


def _upgrade(row: Row) -> Upgrade:
    return Upgrade(
        id=row[0],
        instance_id=row[1],
        state=State(row[2]),
        version=row[3],
        from_release=row[4],
        from_package=row[5],
        to_release=row[6],
        to_package=row[7],
        reason=row[8],
        asked_at=moment(row[9]),
        deadline_at=from_ms(row[10]),
        ended_at=from_ms(row[11]),
        automatic=bool(row[12]),
        failed_package=row[13],
        failed_at=from_ms(row[14]),
    )
