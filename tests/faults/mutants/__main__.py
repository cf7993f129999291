"""``python -m tests.faults.mutants``: break Cloudhand in each known way, and see that the fault
matrix finds it. A mutant that is not found says that the matrix cannot fail where it should.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import cloudhand
from tests.faults.checker import KINDS
from tests.faults.mutants.known import MUTANTS, Mutant

SOURCES = Path(cloudhand.__file__).parent
_BOUND = 600.0  # seconds


def broken(mutant: Mutant, source: str) -> str:
    """The file with the change; ValueError when what is to be changed is not there once."""
    if source.count(mutant.before) != 1:
        raise ValueError(f"{mutant.name}: what it changes is not once in {mutant.path}")
    return source.replace(mutant.before, mutant.after)


def found(mutant: Mutant, *, runs: int, seed: int) -> list[str]:
    """What the matrix finds of it; empty: it goes unnoticed. RuntimeError if it cannot be told."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        shutil.copytree(SOURCES, root / "cloudhand", ignore=shutil.ignore_patterns("*.pyz"))
        path = root / "cloudhand" / mutant.path
        path.write_text(broken(mutant, path.read_text()))
        told = root / "told.json"
        words = [f"--runs={runs}", f"--seed={seed}", f"--out={told}", *mutant.words]
        try:
            played = subprocess.run(
                [sys.executable, "-m", f"tests.faults.{mutant.tier}", *words],
                env={**os.environ, "PYTHONPATH": f"{root}:{os.getcwd()}"},
                capture_output=True,
                text=True,
                timeout=_BOUND,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise RuntimeError(f"{mutant.name}: not played within {_BOUND:.0f} s") from None
        if not told.exists():
            raise RuntimeError(f"{mutant.name}: {played.stdout[-500:]}{played.stderr[-500:]}")
        result = json.loads(told.read_text())
    return [f"{kind} {result[kind]}" for kind in KINDS if result[kind]]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.mutants", description=__doc__)
    parser.add_argument("--only", default="", help="names that have this in them")
    parser.add_argument("--runs", type=int, default=240, help="at most, of each")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("build/faults/mutants.json"))
    words = parser.parse_args()
    caught: dict[str, list[str]] = {}
    unplayed = []
    for mutant in MUTANTS:
        if words.only not in mutant.name:
            continue
        try:
            caught[mutant.name] = found(mutant, runs=words.runs, seed=words.seed)
        except RuntimeError as error:
            unplayed.append(mutant.name)
            print(error, flush=True)
        else:
            said = ", ".join(caught[mutant.name]) or "NOT FOUND"
            print(f"{mutant.name}: {said}", flush=True)
    words.out.parent.mkdir(parents=True, exist_ok=True)
    told = {
        "seed": words.seed,
        "mutants": len(caught) + len(unplayed),
        "mutants_caught": sum(bool(kinds) for kinds in caught.values()),
        "found": caught,
        "unplayed": unplayed,
    }
    words.out.write_text(json.dumps(told, indent=1) + "\n")
    return int(told["mutants"] != told["mutants_caught"])


if __name__ == "__main__":
    sys.exit(main())
