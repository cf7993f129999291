"""Runs jq programs and patterns for its parent, one after the other, until its input ends.

Each line of the input is a JSON object: ``{"do": "jq", "program", "input"}``, ``{"do": "compile",
"program"}`` or ``{"do": "match", "pattern", "text"}``. It is answered by a line: ``{"results"}`` or
``{"error"}``. A program that takes too long, or too much, ends the process.
"""

from __future__ import annotations

import json
import re
import resource
import signal
import sys
import unicodedata  # noqa: F401 - of patterns with \N{...}, which could load it no more
from functools import lru_cache
from typing import Any

import jq

from cloudhand.orchestration.values import check

SECONDS = 2  # of wall clock that a program may take, before its parent gives up
_MEMORY = 512 << 20  # bytes of address space
_RESULTS = 100_000
_SIZE = 4 << 20  # characters of all results
_PHRASE = 500  # characters of an error


class TooMuch(Exception):
    pass


@lru_cache(maxsize=512)
def _compiled(program: str) -> Any:
    return jq.compile(program)


def _jq(program: str, document: Any) -> list[Any]:
    results: list[Any] = []
    size = 0
    for result in _compiled(program).input_value(document):
        size += len(json.dumps(result))
        if len(results) == _RESULTS or size > _SIZE:
            raise TooMuch
        check(result)
        results.append(result)
    return results


def _answer(asked: dict[str, Any]) -> dict[str, Any]:
    try:
        if asked["do"] == "jq":
            return {"results": _jq(asked["program"], asked["input"])}
        if asked["do"] == "compile":
            _compiled(asked["program"])
            return {"results": None}
        return {"results": re.match(asked["pattern"], asked["text"]) is not None}
    except (ValueError, OverflowError, re.error) as error:
        return {"error": _phrase(str(error))}
    except (MemoryError, RecursionError, TooMuch):
        return {"error": "it gives too much"}


def _phrase(text: str) -> str:
    """What jq says of a program is several lines; the first says what is wrong."""
    return text.removeprefix("jq: error: ").split("\n")[0].strip()[:_PHRASE]


def _confine() -> None:
    """Nothing more is opened: programs can name files to be read."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))


def main() -> None:
    _compiled(".")  # what is needed is loaded before it can be no more
    _confine()
    for line in sys.stdin:
        # Should the parent be gone, nobody else would end a program that never ends.
        signal.alarm(SECONDS + 1)
        sys.stdout.write(json.dumps(_answer(json.loads(line))) + "\n")
        sys.stdout.flush()
        signal.alarm(0)


if __name__ == "__main__":
    main()
