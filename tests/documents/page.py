"""A page of the documents as who does what it says reads it: files to write, commands to type.

A block of `sh` is typed line by line. One of `console` has what is typed behind `$ `, and below
that what is said. One of `text` is what the last command before it says. Every other block is a
file: its first line is a comment that is its name, or the sentence before it ends with its name
and a colon.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEREDOC = re.compile(r"<<-?'?(\w+)'?")
_NAMED_INSIDE = re.compile(r"(?:#|;|//) ([\w./~-]+\.\w+)\n")
_NAMED_BEFORE = re.compile(r"`([\w./~-]+\.\w+)`[:：]\n+\Z")


@dataclass(frozen=True, kw_only=True)
class Block:
    language: str
    text: str
    line: int
    before: str  # what the page says before it, from its beginning


@dataclass(frozen=True, kw_only=True)
class Command:
    typed: str
    line: int
    said: str | None = None  # None: the page does not show it


@dataclass(frozen=True, kw_only=True)
class File:
    name: str
    text: str
    line: int


@dataclass(frozen=True, kw_only=True)
class Unclear:
    """A block of which nobody can tell what it is."""

    line: int


Step = Command | File | Unclear


def blocks(path: Path) -> Iterator[Block]:
    text = path.read_text()
    for found in _BLOCK.finditer(text):
        before = text[: found.start()]
        yield Block(language=found[1], text=found[2], line=before.count("\n") + 1, before=before)


def steps(path: Path) -> list[Step]:
    done: list[Step] = []
    for block in blocks(path):
        if block.language in ("sh", "console"):
            done += commands(block)
        elif block.language == "text" and done and isinstance(done[-1], Command):
            done[-1] = replace(done[-1], said=block.text)
        else:
            done.append(_file(block))
    return done


def _file(block: Block) -> File | Unclear:
    named = _NAMED_INSIDE.match(block.text) or _NAMED_BEFORE.search(block.before)
    if named is None:
        return Unclear(line=block.line)
    return File(name=named[1], text=block.text, line=block.line)


def commands(block: Block) -> Iterator[Command]:
    lines = block.text.splitlines()
    at = 0
    while at < len(lines):
        line, begun = lines[at], at
        at += 1
        if block.language == "console":
            assert line.startswith("$ "), f"{line!r} is no command and follows none"
            line = line[2:]
        while line.endswith("\\"):
            line += "\n" + lines[at]
            at += 1
        if ends := _HEREDOC.search(line):
            while lines[at - 1] != ends[1]:
                line += "\n" + lines[at]
                at += 1
        said = None
        if block.language == "console":
            below = at
            while at < len(lines) and not lines[at].startswith("$ "):
                at += 1
            said = "\n".join(lines[below:at]).strip("\n")
        if line.strip() and not line.startswith("#"):
            yield Command(typed=line, line=block.line + 1 + begun, said=said)
