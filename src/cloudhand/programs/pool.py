"""orchestration.programs.Programs by a few child processes, started when they are needed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from typing import Any

from cloudhand.orchestration.programs import ProgramError
from cloudhand.programs.child import SECONDS

_CHILDREN = 2
_LINE = 64 << 20  # bytes of an answer


class Pool:
    """Its children end with it, or with its process."""

    def __init__(self) -> None:
        self._idle: list[Process] = []
        self._turns = asyncio.Semaphore(_CHILDREN)

    async def jq(self, program: str, document: Any) -> list[Any]:
        asked = {"do": "jq", "program": program, "input": document}
        results: list[Any] = await self._ask(asked)
        return results

    async def compiles(self, program: str) -> None:
        await self._ask({"do": "compile", "program": program})

    async def matches(self, pattern: str, text: str) -> bool:
        return bool(await self._ask({"do": "match", "pattern": pattern, "text": text}))

    async def close(self) -> None:
        while self._idle:
            await _end(self._idle.pop())

    async def _ask(self, asked: dict[str, Any]) -> Any:
        async with self._turns:
            child = self._idle.pop() if self._idle else await _start()
            try:
                line = await asyncio.wait_for(_exchange(child, asked), SECONDS)
            except TimeoutError:
                await _end(child)
                raise ProgramError(f"it takes longer than {SECONDS} s") from None
            except BaseException:
                await asyncio.shield(_end(child))
                raise
            if not line:
                await _end(child)
                raise ProgramError("it needs too much")
            self._idle.append(child)
        answer = json.loads(line)
        if "error" in answer:
            raise ProgramError(answer["error"])
        return answer["results"]


async def _start() -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        "-m",
        "cloudhand.programs.child",
        stdin=PIPE,
        stdout=PIPE,
        stderr=DEVNULL,
        env={"LANG": "C.UTF-8"},
        limit=_LINE,
    )


async def _exchange(child: Process, asked: dict[str, Any]) -> bytes:
    """The line of the answer; empty if the child has ended instead."""
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        child.stdin.write(json.dumps(asked).encode() + b"\n")
        await child.stdin.drain()
        return await child.stdout.readline()
    except ConnectionError:
        return b""


async def _end(child: Process) -> None:
    # Its own kill() may reap it first, of which the loop then complains.
    if child.returncode is None:
        os.kill(child.pid, signal.SIGKILL)
    await child.wait()
