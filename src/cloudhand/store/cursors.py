"""One page of a query, the last first unless it is ascending, behind an offset or a cursor.

A cursor is the key of the last row that was seen, so that rows which come or go meanwhile make
nothing appear twice or not at all.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence

from cloudhand.core.errors import BadCursor
from cloudhand.core.page import Window
from cloudhand.store.database import Row, Statements


def encode_cursor(key: Sequence[object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(list(key)).encode()).decode()


def decode_cursor(text: str, size: int) -> list[object]:
    try:
        key = json.loads(base64.urlsafe_b64decode(text.encode()))
    except ValueError:
        raise BadCursor(text) from None
    if not isinstance(key, list) or len(key) != size:
        raise BadCursor(text)
    if not all(isinstance(part, (str, int)) for part in key):
        raise BadCursor(text)
    return key


async def paged(
    statements: Statements,
    query: str,
    values: Sequence[object],
    *,
    keys: Sequence[str],
    window: Window,
    ascending: bool = False,
    counted: str | None = None,
) -> tuple[list[Row], int, str]:
    """Rows, how many there are in all, and the cursor behind the last row.

    ``query`` ends inside its WHERE, and its last columns are ``keys``. ``counted``: with the same
    values, how many rows it has, where that is known in a faster way than by reading them.
    """
    if counted is None:
        bound = f" LIMIT {window.counted_to}" if window.counted_to is not None else ""
        counted = f"SELECT count(*) FROM ({query}{bound})"
    total = int((await statements.fetch(counted, *values))[0][0])
    size = len(keys)
    if window.after:
        sign = ">" if ascending else "<"
        query += f" AND ({', '.join(keys)}) {sign} ({', '.join('?' * size)})"
        values = [*values, *decode_cursor(window.after, size)]
    limit, offset = window.limit + 1, window.offset
    # What is nearer to the end is counted from there.
    backwards = window.offset > total // 2 and window.counted_to is None
    if backwards:
        limit = max(min(window.limit, total - window.offset), 0)
        offset = total - window.offset - limit
    order = ", ".join(f"{key} {'ASC' if ascending != backwards else 'DESC'}" for key in keys)
    rows = await statements.fetch(
        f"{query} ORDER BY {order} LIMIT ? OFFSET ?", *values, limit, offset
    )
    if backwards:
        rows = rows[::-1]
        more = window.offset + limit < total
    else:
        more = len(rows) > window.limit
    rows = rows[: window.limit]
    after = encode_cursor(rows[-1][-size:]) if more and rows else ""
    return rows, total, after
