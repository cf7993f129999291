"""Who did what: a chain of records, to which is only added."""

from __future__ import annotations

from datetime import datetime

from cloudhand.core.audit import OK, Record, RecordFilter
from cloudhand.store.cursors import decode_cursor, encode_cursor
from cloudhand.store.database import Row, Statements
from cloudhand.store.rows import like, to_ms
from cloudhand.wire.audit import Link, link

_LINK = "number, text, digest"
_ABOUT = (
    "EXISTS (SELECT 1 FROM json_each(text, '$.on') AS thing WHERE thing.value LIKE ? ESCAPE '\\')"
)


class Audit:
    def __init__(self, statements: Statements) -> None:
        self._statements = statements

    async def add(self, *records: Record) -> None:
        last = await self.last()
        rows = []
        for record in records:
            last = link(last, record.told())
            rows.append(
                (
                    last.number,
                    to_ms(record.at),
                    record.who,
                    record.action,
                    int(record.reads),
                    record.outcome,
                    last.text,
                    last.digest,
                )
            )
        await self._statements.change_many(
            "INSERT INTO audit (number, at, who, action, reads, outcome, text, digest)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            rows,
        )

    async def last(self) -> Link | None:
        rows = await self._statements.fetch(
            f"SELECT {_LINK} FROM audit ORDER BY number DESC LIMIT 1"
        )
        return _link(rows[0]) if rows else None

    async def after(self, number: int, *, limit: int) -> list[Link]:
        """The next ones, the oldest first."""
        rows = await self._statements.fetch(
            f"SELECT {_LINK} FROM audit WHERE number > ? ORDER BY number LIMIT ?", number, limit
        )
        return [_link(row) for row in rows]

    async def find(
        self, wanted: RecordFilter, *, limit: int, cursor: str, oldest_first: bool
    ) -> tuple[list[Link], str]:
        """Some of those that are wanted, and the cursor behind the last of them; BadCursor.

        How many there are in all is not counted: that would read every one.
        """
        condition, values = _condition(wanted)
        order = "ASC" if oldest_first else "DESC"
        if cursor:
            condition += f" AND number {'>' if oldest_first else '<'} ?"
            values += decode_cursor(cursor, 1)
        rows = await self._statements.fetch(
            f"SELECT {_LINK} FROM audit WHERE {condition} ORDER BY number {order} LIMIT ?",
            *values,
            limit + 1,
        )
        links = [_link(row) for row in rows[:limit]]
        return links, encode_cursor([links[-1].number]) if len(rows) > limit else ""

    async def forget(self, *, before: datetime) -> int:
        """Drop those before the first that is not old; how many.

        So there is no gap, and no more is read than is dropped. The newest stays, for the next one
        to name.
        """
        return await self._statements.change(
            "DELETE FROM audit WHERE number < coalesce("
            "(SELECT number FROM audit WHERE at >= ? ORDER BY number LIMIT 1),"
            " (SELECT max(number) FROM audit))",
            to_ms(before),
        )


def _condition(wanted: RecordFilter) -> tuple[str, list[object]]:
    conditions: list[tuple[str, object]] = []
    if wanted.since is not None:
        conditions.append(("at >= ?", to_ms(wanted.since)))
    if wanted.until is not None:
        conditions.append(("at < ?", to_ms(wanted.until)))
    if wanted.who:
        conditions.append(("who = ?", wanted.who))
    if wanted.action:
        conditions.append(("action LIKE ? ESCAPE '\\'", like(wanted.action)))
    if wanted.thing:
        conditions.append((_ABOUT, f"%/{like(wanted.thing)}"))
    if wanted.changes:
        conditions.append(("(reads = 0 OR outcome <> ?)", OK))
    if wanted.failed:
        conditions.append(("outcome <> ?", OK))
    text = " AND ".join(condition for condition, _ in conditions) or "1 = 1"
    return text, [value for _, value in conditions]


def _link(row: Row) -> Link:
    return Link(number=row[0], text=row[1], digest=row[2])
