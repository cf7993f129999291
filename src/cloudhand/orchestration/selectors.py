"""Outputs of a task, chosen from what its action gave by a jq program."""

from __future__ import annotations

import re
from typing import Any

from cloudhand.orchestration.programs import Programs

# Words that begin a program, and calls, are no fields.
_FIELD = re.compile(r"(?!(?:if|reduce|foreach|def|try|label)\b)[A-Za-z_]\w*(?![\w(])", re.ASCII)
_LISTS = ("list", "array")


def program(selector: str) -> str:
    """The program that a selector means: one that begins with a field name lacks its dot."""
    selector = selector.strip()
    return f".{selector}" if _FIELD.match(selector) else selector


async def select(selector: str, document: Any, *, kind: str, programs: Programs) -> Any:
    """All results where ``kind`` is a list; else the first one, or None. ProgramError."""
    results = await programs.jq(program(selector), document)
    if kind.lower() in _LISTS:
        return results
    return results[0] if results else None
