"""What the fault matrix is known to find can still be broken so."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.mutants.__main__ import SOURCES, broken
from tests.faults.mutants.known import MUTANTS, Mutant

_ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda one: one.name)
def test_what_a_mutant_changes_is_there(mutant: Mutant) -> None:
    source = (SOURCES / mutant.path).read_text()
    compile(broken(mutant, source), mutant.path, "exec")


def test_a_mutant_is_found(tmp_path: Path) -> None:
    told = tmp_path / "told.json"
    only = "--only=output that comes twice"
    words = [sys.executable, "-m", "tests.faults.mutants", only, f"--out={told}", "--runs=14"]
    done = subprocess.run(words, cwd=_ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(told.read_text())["mutants_caught"] == 1
