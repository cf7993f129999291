"""What lasts in a state directory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.system.place import Plane

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


def test_instances_find_a_control_plane_that_moved_to_another_address_and_to_tls(
    own: Plane,
) -> None:
    own.start()
    (one,) = own.instances()
    own.stop()
    (own.state / "port").unlink()  # by which it would come back to the same
    own.options = ("--tls", "--listen", "127.0.0.2:0")
    own.start()
    assert own.client.endpoint.url.startswith("https://127.0.0.2:")
    own.call("RebootInstances", InstanceId=[one])
    own.wait([one])
    result = own.run(one, "echo over TLS")
    assert (result.status, result.output) == ("Success", b"over TLS\n")
