"""`cloudhand server install`, as far as it goes without systemd; the rest is in tests/guest."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import pytest

from cloudhand.cli.errors import Mistake
from cloudhand.cli.server import install
from tests.cli.offline import Offline


def test_a_machine_without_systemd_or_root_is_told(offline: Offline) -> None:
    if Path("/run/systemd/system").exists():
        pytest.skip("systemd runs this machine, and would be asked")
    told = offline("server", "install")
    root = os.geteuid() == 0
    assert told.returncode == (3 if root else 2)
    assert ("systemd does not run this machine" if root else "be root") in told.stderr


def test_options_are_written_as_systemd_reads_them() -> None:
    unit = install._unit(Path("/var/lib/a b"), ["--name", 'q"\\u', "--limit", "100%$HOME"])
    (line,) = [one for one in unit.splitlines() if one.startswith("ExecStart=")]
    words = shlex.split(line.removeprefix("ExecStart=").replace("%%", "%").replace("$$", "$"))
    assert words[3:] == [
        "serve", "--state", "/var/lib/a b", "--name", 'q"\\u', "--limit", "100%$HOME"
    ]  # fmt: skip
    with pytest.raises(Mistake, match="cannot write"):
        install._unit(Path("/x"), ["a\nExecStart=/bin/sh"])
