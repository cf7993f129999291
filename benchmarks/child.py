"""What programs that simulate machines have in common: orders, and work whose failure ends all."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from typing import Any

_running: set[asyncio.Task[None]] = set()


def begin(work: Any) -> None:
    """If it fails, so does the whole, for no figure may hide that."""
    task = asyncio.get_running_loop().create_task(work)
    _running.add(task)
    task.add_done_callback(_ended)


def _ended(task: asyncio.Task[None]) -> None:
    _running.discard(task)
    if not task.cancelled() and task.exception() is not None:
        print(f"a simulated machine failed: {task.exception()!r}", file=sys.stderr, flush=True)
        os._exit(1)


async def orders() -> AsyncIterator[dict[str, Any]]:
    """One JSON object a line of standard input, to its end."""
    lines = asyncio.StreamReader(limit=2**20)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), sys.stdin
    )
    while line := await lines.readline():
        yield json.loads(line)
