"""Plugins of published agents."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cloudhand.core.ids import InstanceId
from cloudhand.core.plugin import Plugin, Status
from cloudhand.store.database import Row, Statements
from cloudhand.store.rows import from_ms, marks, to_json, to_ms

_COLUMNS = "instance_id, name, version, status, first_heard_at, last_heard_at"
_KEPT = 200  # of one instance


class Plugins:
    def __init__(self, statements: Statements) -> None:
        self._statements = statements

    async def heard(self, plugin: Plugin, *, at: datetime) -> None:
        """Keep what its agent said of it. One that was removed begins anew."""
        await self._statements.change(
            f"INSERT INTO plugins ({_COLUMNS}) VALUES ({marks(range(6))})"
            " ON CONFLICT DO UPDATE SET version = excluded.version, status = excluded.status,"
            " last_heard_at = excluded.last_heard_at, first_heard_at ="
            " CASE WHEN status = ? THEN excluded.first_heard_at ELSE first_heard_at END",
            plugin.instance_id,
            plugin.name,
            plugin.version,
            plugin.status,
            to_ms(at),
            to_ms(at),
            Status.REMOVED,
        )

    async def trim(self, instance_id: InstanceId) -> None:
        """Forget what was not heard of for longest, if there is too much."""
        await self._statements.change(
            "DELETE FROM plugins WHERE instance_id = ? AND name NOT IN (SELECT name FROM plugins"
            " WHERE instance_id = ? ORDER BY last_heard_at DESC, name LIMIT ?)",
            instance_id,
            instance_id,
            _KEPT,
        )

    async def of(self, instance_ids: Sequence[InstanceId]) -> list[Plugin]:
        """In the order of their names."""
        rows = await self._statements.fetch(
            f"SELECT {_COLUMNS} FROM plugins"
            " WHERE instance_id IN (SELECT value FROM json_each(?)) ORDER BY name",
            to_json(instance_ids),
        )
        return [_plugin(row) for row in rows]

    async def having(self, name: str) -> list[InstanceId]:
        """The instances whose agents have spoken of a plugin."""
        rows = await self._statements.fetch(
            "SELECT instance_id FROM plugins WHERE name = ? ORDER BY instance_id", name
        )
        return [row[0] for row in rows]


def _plugin(row: Row) -> Plugin:
    return Plugin(
        instance_id=row[0],
        name=row[1],
        version=row[2],
        status=Status(row[3]),
        first_heard_at=from_ms(row[4]),
        last_heard_at=from_ms(row[5]),
    )
