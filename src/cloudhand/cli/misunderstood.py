"""What was typed and is not understood, in one sentence with the next step."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import Any

# Commands with a program or a script of their own after --.
_PASS_ON = ("exec", "up", "run")


def misunderstood(error: Any, words: Sequence[str]) -> str:
    """``error``: a TyperException; what is told about it differs from kind to kind."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context else f"cloudhand {words[0]}"
    return f"{_what(error)}; {_next_step(error, path, words)}"


def _what(error: Any) -> str:
    text = str(error.format_message()).strip().rstrip(".")
    told = text[:1].lower() + text[1:].replace("a valid int range", "a number")
    parameter = getattr(error, "param", None)
    meaning = getattr(parameter, "help", "") or ""
    if not told.startswith("missing") or not meaning:
        return told
    return f"{told}: {meaning[:1].lower()}{meaning[1:].rstrip('.')}"


def _next_step(error: Any, path: str, words: Sequence[str]) -> str:
    name = path.rpartition(" ")[2]
    option = getattr(error, "option_name", "")
    if name in _PASS_ON and option and "--" not in words and _follows_a_word(option, words[1:]):
        what = "SCRIPT" if name == "run" else "PROGRAM"
        return f"what is meant for the {what.lower()} goes after --: `{path} -- {what} ...`"
    return f"`{path} --help` tells more"


def _follows_a_word(option: str, words: Sequence[str]) -> bool:
    """Whether it may belong to a program that was named without -- before it."""
    before = takewhile(lambda word: not word.startswith(option), words)
    return any(not word.startswith("-") for word in before)
