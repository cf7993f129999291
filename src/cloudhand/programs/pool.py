"""orchestration.programs.Programs by a few child processes, started when they are needed."""

from __future__ import annotations

import asyncio
import contextlib
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
        self._closed = False

    async def jq(self, program: str, document: Any) -> list[Any]:
        asked = {"do": "jq", "program": program, "input": document}
        results: list[Any] = await self._ask(asked)
        return results

    async def compiles(self, program: str) -> None:
        await self._ask({"do": "compile", "program": program})

    async def matches(self, pattern: str, text: str) -> bool:
        return bool(await self._ask({"do": "match", "pattern": pattern, "text": text}))

    async def close(self) -> None:
        """A child that is busy ends once it has answered."""
        self._closed = True
        while self._idle:
            await _end(self._idle.pop())

    async def _child(self) -> Process:
        """An idle one that nobody has ended meanwhile, or a new one."""
        while self._idle:
            child = self._idle.pop()
            if _lives(child):
                return child
            await _end(child)
        return await _start()

    async def _ask(self, asked: dict[str, Any]) -> Any:
        async with self._turns:
            child = await self._child()
            try:
                line = await asyncio.wait_for(_exchange(child, asked), SECONDS)
            except TimeoutError:
                await _end(child)
                raise ProgramError(f"it takes longer than {SECONDS} s") from None
            except BaseException:
                await asyncio.shield(_end(child))
                raise
            if not line.endswith(b"\n"):
                await _end(child)
                raise ProgramError("it needs too much")
            if self._closed:
                await _end(child)
            else:
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
    """The line of the answer; less than that if the child has ended instead."""
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        child.stdin.write(json.dumps(asked).encode() + b"\n")
        await child.stdin.drain()
        return await child.stdout.readline()
    except ConnectionError:
        return b""


def _lives(child: Process) -> bool:
    """As the kernel knows: the loop is told of an end a little later."""
    try:
        how = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return child.returncode is None and os.waitid(os.P_PID, child.pid, how) is None
    except ChildProcessError:
        return False


async def _end(child: Process) -> None:
    # Its own kill() may reap it first, of which the loop then complains.
    if _lives(child):
        with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
            os.kill(child.pid, signal.SIGKILL)
    await child.wait()
