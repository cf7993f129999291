"""Output of runs, as pieces with the place where each begins. Nothing is ever rewritten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from zlib import crc32

from cloudhand.core.invocation import RunKey
from cloudhand.store.database import Statements
from cloudhand.store.rows import value_marks

_END = "max(position + length(bytes))"  # of one output
_ROWS = 64  # that are read at once; agents send pieces of up to 64 KiB


class Outputs:
    def __init__(self, statements: Statements) -> None:
        self._statements = statements

    async def size(self, key: RunKey) -> int:
        """The place behind the last byte that is kept."""
        rows = await self._statements.fetch(
            "SELECT position + length(bytes) FROM outputs"
            " WHERE invoke_id = ? AND instance_id = ? AND run = ? ORDER BY position DESC LIMIT 1",
            *key,
        )
        return int(rows[0][0]) if rows else 0

    async def append(self, key: RunKey, piece: bytes, *, position: int | None, limit: int) -> int:
        """Keep what of ``piece`` is new and below ``limit``; how many bytes were lost.

        ``position`` is where it begins; None: at the end. What was left out before it is lost too.
        """
        if not piece:
            return 0
        size = await self.size(key)
        start = size if position is None else position
        new = piece[max(size - start, 0) :]
        begin = max(start, size)
        kept = new[: max(limit - begin, 0)]
        if kept:
            await self._statements.change(
                "INSERT INTO outputs (invoke_id, instance_id, run, position, bytes, checksum)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                *key,
                begin,
                kept,
                crc32(kept),
            )
        return begin - size + len(new) - len(kept)

    async def piece(self, key: RunKey, *, offset: int, at_most: int) -> tuple[int, bytes]:
        """What is kept from ``offset`` on, and where that begins: later, if so much was cut off."""
        rows = await self._statements.fetch(
            "SELECT position, bytes FROM outputs"
            " WHERE invoke_id = ? AND instance_id = ? AND run = ?"
            " AND position + length(bytes) > ? ORDER BY position LIMIT ?",
            *key,
            offset,
            _ROWS,
        )
        if not rows:
            return offset, b""
        begin = max(offset, rows[0][0])
        whole = b"".join(piece for _, piece in rows)[begin - rows[0][0] :]
        return begin, whole[:at_most]

    async def sizes(self, keys: Sequence[RunKey]) -> dict[RunKey, int]:
        """The place behind the last byte of each; one that has none is missing."""
        if not keys:
            return {}
        rows = await self._statements.fetch(
            f"WITH found (invoke_id, instance_id, run) AS (VALUES {value_marks(keys, 3)})"
            f" SELECT invoke_id, instance_id, run, {_END}"
            " FROM found CROSS JOIN outputs USING (invoke_id, instance_id, run)"
            " GROUP BY invoke_id, instance_id, run",
            *(part for key in keys for part in key),
        )
        return {(invoke_id, instance_id, run): size for invoke_id, instance_id, run, size in rows}

    async def tails(self, sizes: Mapping[RunKey, int], limit: int) -> dict[RunKey, bytes]:
        """The last bytes of each, of outputs that have these sizes."""
        if not sizes:
            return {}
        tails: dict[RunKey, bytes] = {}
        rows = await self._statements.fetch(
            f"WITH found (invoke_id, instance_id, run, begin) AS (VALUES {value_marks(sizes, 4)})"
            " SELECT invoke_id, instance_id, run, bytes"
            " FROM found CROSS JOIN outputs USING (invoke_id, instance_id, run)"
            " WHERE position + length(bytes) > begin"
            " ORDER BY invoke_id, instance_id, run, position",
            *(part for key, size in sizes.items() for part in (*key, max(size - limit, 0))),
        )
        for *key, piece in rows:
            tails[tuple(key)] = tails.get(tuple(key), b"") + piece
        return {key: tail[-limit:] for key, tail in tails.items()}

    async def total(self) -> int:
        """Bytes of all that is kept."""
        rows = await self._statements.fetch("SELECT coalesce(sum(length(bytes)), 0) FROM outputs")
        return int(rows[0][0])

    async def cut(self, excess: int, *, leave: int) -> None:
        """Drop so many bytes, or more, from the beginnings of outputs, the oldest first.

        Of each the last ``leave`` bytes stay, and what shares a row with them.
        """
        rows = await self._statements.fetch(
            f"SELECT invoke_id, instance_id, run, {_END} - ? AS until, sum(length(bytes))"
            " FROM outputs GROUP BY invoke_id, instance_id, run"
            " HAVING until >= min(position + length(bytes))"
            " ORDER BY (SELECT created_at FROM invocations WHERE id = invoke_id), run",
            leave,
        )
        for *key, until, size in rows:
            if excess <= 0:
                return
            await self._statements.change(
                "DELETE FROM outputs WHERE invoke_id = ? AND instance_id = ? AND run = ?"
                " AND position + length(bytes) <= ?",
                *key,
                until,
            )
            excess -= size - leave
