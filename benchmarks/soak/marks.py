"""What machines have written while they ran: one file each, one line for each thing that happened.

``start``, ``end`` and ``late`` are of scripts; ``order`` is what a power switch was told, ``down``
that a boot ended, ``crash`` that an agent was killed.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

_WORDS = 6  # of a line


@dataclass(frozen=True, kw_only=True)
class Mark:
    what: str
    uid: str
    machine: str
    boot: str
    word: str
    at: float  # seconds since the epoch


class Marks:
    """Read again and again, from where the last look ended."""

    def __init__(self, folder: Path) -> None:
        self.of_machine: dict[str, list[Mark]] = defaultdict(list)
        self._folder = folder
        self._read: dict[str, int] = {}  # bytes of each file
        self._of_script: dict[tuple[str, str], list[Mark]] = defaultdict(list)

    def look(self) -> None:
        for path in self._folder.iterdir():
            with path.open("rb") as file:
                file.seek(self._read.get(path.name, 0))
                text = file.read()
            whole = text[: text.rfind(b"\n") + 1]
            self._read[path.name] = self._read.get(path.name, 0) + len(whole)
            for line in whole.decode().splitlines():
                self.add(line)

    def add(self, line: str) -> None:
        words = line.split(" ")
        if len(words) != _WORDS:
            raise ValueError(f"a line of marks has another form: {line}")
        what, uid, machine, boot, word, at = words
        mark = Mark(what=what, uid=uid, machine=machine, boot=boot, word=word, at=int(at) / 1000)
        self.of_machine[machine].append(mark)
        if uid != "-":
            self._of_script[uid, machine].append(mark)

    def of(self, uid: str, machine: str, what: str) -> list[Mark]:
        return [mark for mark in self._of_script.get((uid, machine), ()) if mark.what == what]

    def down_after(self, mark: Mark) -> float | None:
        """When the boot in which it was written ended; None: it has not, as far as one can see.

        Where nobody wrote that down, the first sign of another boot tells.
        """
        later = [one for one in self.of_machine[mark.machine] if one.at >= mark.at]
        for one in sorted(later, key=lambda one: one.at):
            if one.boot != mark.boot or one.what == "down":
                return one.at
        return None
