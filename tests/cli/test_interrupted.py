"""Ctrl-C before there is anything to end."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

_PROGRAM = "import sys; sys.argv = ['cloudhand', 'up']; from cloudhand.cli.entry import run; run()"


@pytest.mark.parametrize("module", ["typer.core", "cloudhand.wire.agent", "uvloop"])
def test_while_modules_load_it_ends_without_a_word(module: str) -> None:
    words = [sys.executable, "-X", "importtime", "-c", _PROGRAM]  # tells what it has loaded
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as started:
        assert started.stdout is not None
        assert started.stderr is not None
        assert any(line.rstrip().endswith(f" {module}") for line in started.stderr)
        started.send_signal(signal.SIGINT)
        rest = started.stderr.read()
        assert started.wait(timeout=20) == 130
        assert all(line.startswith("import time:") for line in rest.splitlines()), rest
        assert started.stdout.read() == ""


def test_an_ignored_interruption_stays_ignored() -> None:
    program = (
        "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN);"
        "from cloudhand.cli.entry import ended_by_interruption\n"
        "with ended_by_interruption(): signal.raise_signal(signal.SIGINT)\n"
        "signal.raise_signal(signal.SIGINT)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
