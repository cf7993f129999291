"""`cloudhand invite`, by the key of an environment."""

from __future__ import annotations

from tests.api.cloud import Cloud
from tests.cli.conftest import Cli


def test_a_line_that_reaches_this_machine_alone_is_not_printed(it: Cloud, cli: Cli) -> None:
    told = cli("invite")
    assert (told.returncode, told.stdout) == (2, "")
    assert "where other machines do not reach it" in told.stderr

    line = cli("invite", "--at", "http://control.example:8650").stdout
    assert "'http://control.example:8650/install.sh?activation=" in line
