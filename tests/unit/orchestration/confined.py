"""What is feared never to end, or to eat all memory, in a process of bounded CPU time and memory.

Each line of the input is a JSON list: what to do, and with what. It is answered by a line, what was
found or null where the process had to be ended.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from cloudhand.core.errors import TemplateInvalid
from cloudhand.orchestration.checking import checked
from cloudhand.orchestration.evaluation import EvaluationError, Evaluator, Scope
from cloudhand.orchestration.expression import parse
from cloudhand.orchestration.hiding import Hiding
from cloudhand.orchestration.model import Template
from cloudhand.orchestration.parameters import resolve
from cloudhand.orchestration.values import shown
from cloudhand.programs.pool import Pool
from tests.unit.orchestration.made import LIBRARY

_SECONDS = 5  # of CPU; the slowest of them needs one
_MEMORY = 1 << 30  # bytes of address space


class Confined:
    """Its process ends when it is closed."""

    def __init__(self) -> None:
        words = [sys.executable, "-m", __name__]
        self._process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, do: str, *given: Any) -> Any:
        """What was found: bounds are kept, or the test fails."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps([do, *given]) + "\n")
        self._process.stdin.flush()
        found = json.loads(self._process.stdout.readline())
        assert found is not None, f"it takes more than {_SECONDS} s or {_MEMORY} bytes, or breaks"
        return found

    def close(self) -> None:
        self._process.communicate()


async def _problems(text: str) -> list[str]:
    """What is wrong with a template, as ValidateTemplateContent tells it."""
    try:
        await _template(text)
    except TemplateInvalid as refused:
        return [str(problem) for problem in refused.problems]
    return []


async def _template(text: str) -> Template:
    pool = Pool()
    try:
        return await checked(text, LIBRARY, pool)
    finally:
        await pool.close()


async def _worth(value: Any, parameters: dict[str, Any]) -> str:
    pool = Pool()
    try:
        return shown(await Evaluator(Scope(parameters=parameters), pool).value(parse(value)))
    except EvaluationError as error:
        return str(error)
    finally:
        await pool.close()


async def _given(text: str, parameters: dict[str, Any]) -> list[str]:
    """What is wrong with the parameters of a start."""
    declared = (await _template(text)).parameters
    _, problems = await resolve(declared, parameters, scope=Scope(), programs=Pool())
    return [str(problem) for problem in problems]


async def _hidden(text: str) -> list[str]:
    return sorted(Hiding(await _template(text)).of_execution().parameters)


_DOES: dict[str, Callable[..., Coroutine[Any, Any, Any]]] = {
    "problems": _problems,
    "worth": _worth,
    "given": _given,
    "hidden": _hidden,
}


def main() -> None:
    for line in sys.stdin:
        child = os.fork()
        if not child:
            resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
            resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            do, *given = json.loads(line)
            print(json.dumps(asyncio.run(_DOES[do](*given))), flush=True)
            os._exit(0)
        if os.waitpid(child, 0)[1]:
            print("null", flush=True)


if __name__ == "__main__":
    main()
