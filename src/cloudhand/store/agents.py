"""Agents: who they are, and what they said last."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from cloudhand.core.ids import InstanceId
from cloudhand.core.instance import Agent, AgentKind, Beat, Told
from cloudhand.store.database import Row, Statements
from cloudhand.store.envelope import Envelope
from cloudhand.store.rows import from_ms, marks, span_from_ms, span_to_ms, to_ms

_COLUMNS = (
    "instance_id, kind, key, machine_id, version, os_type, os_version, hostname, intranet_ip,"
    " last_seen_at, boot_id, uptime, pid, invocation_count, last_invoked_at,"
    " gone_at, time_zone, cloned_at, refusals, release, package, upgradable"
)


class Agents:
    def __init__(self, statements: Statements, envelope: Envelope) -> None:
        self._statements = statements
        self._envelope = envelope

    async def put(self, agent: Agent) -> None:
        """Register an agent, in place of an earlier one of the same instance."""
        await self._statements.change(
            f"INSERT INTO agents ({_COLUMNS}) VALUES ({marks(range(22))})"
            " ON CONFLICT (instance_id) DO UPDATE SET kind = excluded.kind, key = excluded.key,"
            " machine_id = excluded.machine_id, version = excluded.version,"
            " os_type = excluded.os_type, os_version = excluded.os_version,"
            " hostname = excluded.hostname, intranet_ip = excluded.intranet_ip,"
            " cloned_at = NULL, refusals = excluded.refusals, release = excluded.release,"
            " package = excluded.package, upgradable = excluded.upgradable",
            agent.instance_id,
            agent.kind,
            self._envelope.seal(agent.key, purpose=agent.instance_id),
            agent.machine_id,
            agent.version,
            agent.os_type,
            agent.os_version,
            agent.hostname,
            agent.intranet_ip,
            to_ms(agent.last_seen_at),
            agent.boot_id,
            span_to_ms(agent.uptime),
            agent.pid,
            agent.invocation_count,
            to_ms(agent.last_invoked_at),
            to_ms(agent.gone_at),
            agent.time_zone,
            to_ms(agent.cloned_at),
            json.dumps(dict(agent.refusals)),
            agent.release,
            agent.package,
            int(agent.upgradable),
        )

    async def get(self, instance_id: InstanceId) -> Agent | None:
        rows = await self._statements.fetch(
            f"SELECT {_COLUMNS} FROM agents WHERE instance_id = ?", instance_id
        )
        return self._agent(rows[0]) if rows else None

    async def get_many(self, instance_ids: Sequence[InstanceId]) -> dict[InstanceId, Agent]:
        rows = await self._statements.fetch(
            f"SELECT {_COLUMNS} FROM agents WHERE instance_id IN ({marks(instance_ids)})",
            *instance_ids,
        )
        return {row[0]: self._agent(row) for row in rows}

    async def told(self, instance_ids: Sequence[InstanceId]) -> dict[InstanceId, Told]:
        """What those of these that have an agent know by it."""
        rows = await self._statements.fetch(
            "SELECT instance_id, os_type, time_zone, boot_id FROM agents"
            f" WHERE instance_id IN ({marks(instance_ids)})",
            *instance_ids,
        )
        return {
            instance_id: Told(os_type=os_type, time_zone=time_zone, boot_id=boot_id)
            for instance_id, os_type, time_zone, boot_id in rows
        }

    async def remove(self, instance_id: InstanceId) -> None:
        await self._statements.change("DELETE FROM agents WHERE instance_id = ?", instance_id)

    async def cloned(self, instance_id: InstanceId, *, at: datetime) -> None:
        await self._statements.change(
            "UPDATE agents SET cloned_at = ? WHERE instance_id = ?", to_ms(at), instance_id
        )

    async def seen(
        self, instance_id: InstanceId, beat: Beat, *, at: datetime, version: str
    ) -> None:
        await self._statements.change(
            "UPDATE agents SET last_seen_at = ?, gone_at = NULL, boot_id = ?, uptime = ?, pid = ?,"
            " refusals = ?, release = ?, package = ?, upgradable = ?, process_started_at = ?,"
            " version = CASE WHEN ? = '' THEN version ELSE ? END"
            " WHERE instance_id = ?",
            to_ms(at),
            beat.boot_id,
            span_to_ms(beat.uptime),
            beat.pid,
            json.dumps(dict(beat.refusals)),
            beat.release,
            beat.package,
            int(beat.upgradable),
            to_ms(at - beat.process_uptime),
            version,
            version,
            instance_id,
        )

    async def gone(self, instance_id: InstanceId, *, at: datetime) -> None:
        """From then on it is not online, unless it is heard of."""
        await self._statements.change(
            "UPDATE agents SET gone_at = ? WHERE instance_id = ?", to_ms(at), instance_id
        )

    async def all_gone(self, *, at: datetime, beat_after: datetime) -> None:
        """The same of all that beat lately and are not gone."""
        await self._statements.change(
            "UPDATE agents SET gone_at = ? WHERE gone_at IS NULL AND last_seen_at > ?",
            to_ms(at),
            to_ms(beat_after),
        )

    async def heard(self, instance_id: InstanceId) -> None:
        """It is not gone."""
        await self._statements.change(
            "UPDATE agents SET gone_at = NULL WHERE instance_id = ? AND gone_at IS NOT NULL",
            instance_id,
        )

    async def in_zone(self, instance_id: InstanceId, time_zone: str) -> None:
        """It has said in which time zone its machine is."""
        await self._statements.change(
            "UPDATE agents SET time_zone = ? WHERE instance_id = ? AND time_zone <> ?",
            time_zone,
            instance_id,
            time_zone,
        )

    async def count_invocation(self, instance_id: InstanceId, *, at: datetime) -> None:
        await self._statements.change(
            "UPDATE agents SET invocation_count = invocation_count + 1, last_invoked_at = ?"
            " WHERE instance_id = ?",
            to_ms(at),
            instance_id,
        )

    def _agent(self, row: Row) -> Agent:
        return Agent(
            instance_id=row[0],
            kind=AgentKind(row[1]),
            key=self._envelope.open(row[2], purpose=row[0]),
            machine_id=row[3],
            version=row[4],
            os_type=row[5],
            os_version=row[6],
            hostname=row[7],
            intranet_ip=row[8],
            last_seen_at=from_ms(row[9]),
            boot_id=row[10],
            uptime=span_from_ms(row[11]),
            pid=row[12],
            invocation_count=row[13],
            last_invoked_at=from_ms(row[14]),
            gone_at=from_ms(row[15]),
            time_zone=row[16],
            cloned_at=from_ms(row[17]),
            refusals=json.loads(row[18]),
            release=row[19],
            package=row[20],
            upgradable=bool(row[21]),
        )
