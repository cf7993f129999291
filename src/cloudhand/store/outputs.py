"""Output of runs, as pieces with the place where each begins. Nothing is ever rewritten."""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

from cloudhand.core.invocation import RunKey
from cloudhand.store.database import Statements


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

    async def joined(self, keys: Sequence[RunKey]) -> dict[RunKey, bytes]:
        """The whole output of each; one that has none is missing."""
        if not keys:
            return {}
        of_keys = ", ".join(["(?, ?, ?)"] * len(keys))
        rows = await self._statements.fetch(
            "SELECT invoke_id, instance_id, run, bytes FROM outputs"
            f" WHERE (invoke_id, instance_id, run) IN (VALUES {of_keys})"
            " ORDER BY invoke_id, instance_id, run, position",
            *(part for key in keys for part in key),
        )
        outputs: dict[RunKey, bytes] = {}
        for *key, piece in rows:
            outputs[tuple(key)] = outputs.get(tuple(key), b"") + piece
        return outputs
