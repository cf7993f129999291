"""What was typed and is not understood: one sentence with the next step."""

from __future__ import annotations

import subprocess
import sys

import pytest

import cloudhand


def _typed(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cloudhand.cli.main", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("up --listen 8670", "'8670' is not HOST:PORT, as 127.0.0.1:8650 is"),
        ("up --fleet x", "'x' is not a number; `cloudhand up --help` tells more"),
        ("up --fleet", "requires an argument; `cloudhand up --help` tells more"),
        ("serve", "missing option '--state': the directory that holds"),
        ("bogus", "no such command 'bogus'; `cloudhand --help` tells more"),
        ("agent register", "`cloudhand agent register --help` tells more"),
        ("exec prog -c x", "goes after --: `cloudhand exec -- PROGRAM ...`"),
        ("run ls -l", "goes after --: `cloudhand run -- SCRIPT ...`"),
        ("run -l", "no such option: -l; `cloudhand run --help` tells more"),
    ],
)
def test_it_is_one_plain_sentence(typed: str, says: str) -> None:
    told = _typed(*typed.split())
    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr.startswith("cloudhand: ")
    assert says in told.stderr
    assert told.stderr.count("\n") == 1


@pytest.mark.parametrize("words", [("--version",), ("version",)])
def test_the_version_is_told(words: tuple[str, ...]) -> None:
    assert _typed(*words).stdout == f"{cloudhand.__version__}\n"


@pytest.mark.parametrize("words", [(), ("agent",)])
def test_without_a_command_there_is_help(words: tuple[str, ...]) -> None:
    told = _typed(*words)
    assert told.returncode == 0
    assert "Usage: cloudhand" in told.stdout
