"""What published agents say of themselves."""

from __future__ import annotations

from cloudhand.core.ids import InstanceId
from cloudhand.core.notice import KEPT, Kind, Notice
from cloudhand.store.database import Row, Statements
from cloudhand.store.rows import moment, to_ms


class Notices:
    def __init__(self, statements: Statements) -> None:
        self._statements = statements

    async def add(self, instance_id: InstanceId, notice: Notice) -> None:
        """The oldest goes when there are too many."""
        await self._statements.change(
            "INSERT INTO notices (instance_id, kind, name, level, detail, heard_at)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            instance_id,
            notice.kind,
            notice.name,
            notice.level,
            notice.detail,
            to_ms(notice.heard_at),
        )
        await self._statements.change(
            "DELETE FROM notices WHERE instance_id = ? AND id <= (SELECT id FROM notices"
            " WHERE instance_id = ? ORDER BY id DESC LIMIT 1 OFFSET ?)",
            instance_id,
            instance_id,
            KEPT,
        )

    async def of(self, instance_id: InstanceId) -> list[Notice]:
        """The last first."""
        rows = await self._statements.fetch(
            "SELECT kind, name, level, detail, heard_at FROM notices WHERE instance_id = ?"
            " ORDER BY id DESC",
            instance_id,
        )
        return [_notice(row) for row in rows]


def _notice(row: Row) -> Notice:
    return Notice(
        kind=Kind(row[0]), name=row[1], level=row[2], detail=row[3], heard_at=moment(row[4])
    )
