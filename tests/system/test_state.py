"""What lasts in a state directory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_OPTIONS = ("--fleet", "1", "--plain-processes")
_COMMAND = ("--", "sh", "-c", "echo $CLOUDHAND_INSTANCE_IDS")


def up(state: Path) -> str:
    """The ids of the instances, once a control plane was up and is down again."""
    done = subprocess.run(
        [sys.executable, "-m", "cloudhand.cli.main", "up", *_OPTIONS, "--state", state, *_COMMAND],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_instances_that_ended_with_their_control_plane_are_started_by_the_next(
    tmp_path: Path,
) -> None:
    assert up(tmp_path / "state") == up(tmp_path / "state")
