"""Somebody who does what a page says, and compares what comes of it with what the page shows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from tests.documents import likeness, page
from tests.documents.elsewhere import Elsewhere
from tests.documents.page import Command, File, Step, Unclear
from tests.documents.room import Room
from tests.documents.stage import Stage

# What does not end by itself, and what it says when it is ready.
_STAYS = {
    r"cloudhand serve\b": "access key",
    r"(?:\./)?cloudhand-agent(?:\.pyz)? run(?! --help)\b": "online",
}
# What stands on the page for an id that the reader has seen before.
_OPEN = re.compile(r"\b(mi|i|t|exec)-\.\.\.|\b(LTAI)\.\.\.")
_COMMENT = re.compile(r"\s+# .*\Z")


def bare(typed: str) -> str:
    return _COMMENT.sub("", typed)


def keys(steps: Iterable[Step]) -> Iterator[tuple[Command, str]]:
    """Each command, and how stages speak of it: what is typed; the next time with "(again)"."""
    met: set[str] = set()
    for step in steps:
        if isinstance(step, Command):
            key = bare(step.typed)
            while key in met:
                key += " (again)"
            met.add(key)
            yield step, key


class Reader:
    def __init__(self, room: Room, stage: Stage, elsewhere: Mapping[str, Elsewhere]) -> None:
        self._room = room
        self._stage = stage
        self._elsewhere = elsewhere

    def read(self, path: Path) -> None:
        self._room.answers = self._stage.answers
        self._stage.opens(self._room)
        steps = page.steps(path)
        called = {command.line: key for command, key in keys(steps)}
        for step in steps:
            match step:
                case File():
                    self._room.write(step.name, step.text)
                case Command():
                    self._command(step, called[step.line])
                case Unclear():
                    raise AssertionError(f"line {step.line}: what is this block?")
        self._stage.closes(self._room)

    def _command(self, command: Command, key: str) -> None:
        if key in self._elsewhere:
            return
        if happens := self._stage.before.get(key):
            happens(self._room)
        typed = bare(command.typed)
        filled = self._copied(typed) or self._filled(typed)
        for name, ready in _STAYS.items():
            if re.match(name, typed):
                self._room.stay(typed, filled, ready)
                return
        code, said = self._room.type(filled, interrupted=self._stage.interrupted.get(key, ""))
        where = f"line {command.line}: {filled}\n{said}"
        assert code == self._stage.ends.get(key, 0), f"{where}ended with {code}"
        if command.said is not None:
            found = likeness.differences(command.said, said)
            assert found == [], "\n".join([where, *found])

    def _copied(self, typed: str) -> str:
        """The whole line, where it was said before and the page shows parts of it; else nothing."""
        if "..." not in typed:
            return ""
        like = likeness.pattern(typed)
        said = reversed(self._room.said.splitlines())
        return next((line.strip() for line in said if like.fullmatch(line.strip())), "")

    def _filled(self, typed: str) -> str:
        def last(found: re.Match[str]) -> str:
            start = f"{found[1]}-" if found[1] else found[2]
            seen = re.findall(rf"\b{start}[0-9A-Za-z]{{8,}}", self._room.said)
            assert seen, f"{typed}: nobody has seen an id that begins with {start}"
            return str(seen[-1])

        for word, value in self._stage.fills.items():
            typed = re.sub(rf"(?<![\w-]){re.escape(word)}(?![\w-])", value, typed)
        return _OPEN.sub(last, typed)
