"""The benchmarks work; what they find is not for a test to judge."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.rules.sources import ROOT


def test_figures_are_measured_shown_and_written(tmp_path: Path) -> None:
    results = tmp_path / "results.json"
    words = ["control_cpu", "latency", "--quick", "--results", str(results)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(results.read_text())
    assert len(figures) == 2
    for figure in figures:
        assert set(figure) == {"name", "value", "unit", "target", "better"}
        assert figure["value"] > 0 and figure["better"] == "lower"
        assert figure["name"].split()[0] in done.stdout
