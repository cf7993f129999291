"""A half of the matrix, played by several processes of its own program at the same time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any


def played(module: str, *, workers: int, out: Path) -> tuple[list[dict[str, Any]], int]:
    """What each has written down, and how many could not do what they were to do.

    The program is started again with our own words, ``--worker`` and a file of its own to write.
    """
    parts = [out.with_suffix(f".{number}.part") for number in range(1, workers + 1)]
    again = (sys.executable, "-m", module, *sys.argv[1:])
    children = [
        subprocess.Popen([*again, f"--worker={number}", f"--out={part}"])
        for number, part in enumerate(parts, start=1)
    ]
    try:
        broken = sum(bool(child.wait()) for child in children)
    finally:
        for child in children:
            child.terminate()
            child.wait()
    told = []
    for part in parts:
        if part.exists():
            told.append(json.loads(part.read_text()))
            part.unlink()
    return told, broken
