"""Write the reference pages from the declarations; with --check, only say which are stale."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import covered
import third_party

from cloudhand.api import action_reference, reference
from cloudhand.cli import reference as command_line

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs" / "reference"
_PEERS = ROOT / "benchmarks" / "peers" / "page.py"
_CARD = ROOT / "benchmarks" / "card.py"
# Each gives pages by their file name below a directory.
GENERATORS: tuple[tuple[Path, Callable[[], dict[str, str]]], ...] = (
    (REFERENCE, reference.pages),
    (REFERENCE, action_reference.pages),
    (REFERENCE, command_line.pages),
    (ROOT, third_party.pages),
    (ROOT, runpy.run_path(str(_PEERS))["pages"]),
    (ROOT, runpy.run_path(str(_CARD))["pages"]),
)


def main(arguments: list[str]) -> int:
    stale = []
    for directory, generator in GENERATORS:
        for name, text in generator().items():
            path = directory / name
            if path.exists() and path.read_text() == text:
                continue
            stale.append(str(path.relative_to(ROOT)))
            if "--check" not in arguments:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
    if "--check" in arguments and (stale_rows := covered.problems()):
        print(f"docs/reference/coverage.md: {'; '.join(stale_rows[:9])}; run 'make coverage'")
        return 1
    if stale and "--check" in arguments:
        print(f"stale: {', '.join(stale)}; run 'make docs'")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
