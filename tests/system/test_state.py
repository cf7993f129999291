"""What lasts in a state directory."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from cloudhand.cli.client import OOS
from cloudhand.cli.fleet import machines
from tests.system.place import Plane, ended, line, lines_until, mode_options
from tests.system.waiting import until

pytestmark = pytest.mark.drawn

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
    before = own.client.endpoint.url
    (one,) = own.instances()
    own.stop()
    own.options = ("--tls", "--listen", "127.0.0.2:0")
    own.start()
    assert own.client.endpoint.url.startswith("https://127.0.0.2:")
    told = (own.place.root / "serve.log").read_text()
    assert told.startswith(f"The agents of 1 instance look for it at {before}, where it was last: ")
    assert f"`cloudhand reboot --all --state {own.state}` " in told

    mended = own.place.run("reboot", "--all", "--yes", "--state", str(own.state))

    assert mended.returncode == 0, mended.stderr
    result = own.run(one, "echo over TLS")
    assert (result.status, result.output) == ("Success", b"over TLS\n")


def test_serve_takes_the_port_that_its_state_had_last_or_says_who_has_it(own: Plane) -> None:
    own.start()
    url = own.client.endpoint.url
    own.stop()
    words = ("serve", "--state", str(own.state), *mode_options())

    again = own.place.start(*words)

    assert f"listens on {url} " in line(again)
    again.send_signal(signal.SIGTERM)
    assert ended(again).returncode == 0
    with socket.create_server(("127.0.0.1", urlsplit(url).port or 0)):
        refused = own.place.run(*words)
    assert refused.returncode == 3
    assert f"(process {os.getpid()}) listens there; end it, or name another port" in refused.stderr


def test_at_its_end_it_says_what_runs_on_and_how_to_end_that(own: Plane) -> None:
    own.start()
    own.instances(2)
    assert own.process is not None
    own.stop()

    said = ended(own.process).stdout

    assert "2 instances run on. " in said
    assert f"`cloudhand serve --state {own.state}` finds them again" in said
    end = re.search(r"`cloudhand (up [^`]*)` ends them", said)
    assert end
    assert own.place.run(*shlex.split(end[1])).returncode == 0
    until(lambda: not own.supervisors(), what="the end of the instances")
    own.start()
    assert [machine.status for machine in machines(own.client)] == ["Stopped"] * 2
    own.stop()
    assert "No instance runs on. " in ended(own.process).stdout


def test_what_runs_already_is_not_said_to_boot(own: Plane) -> None:
    own.start()
    ids = own.instances(2)
    own.stop()
    words = ("up", "--fleet", "2", "--state", str(own.state), *mode_options())

    up = own.place.start(*words)

    told = "".join(lines_until(up, "Ctrl-C ends the instances; their state is kept."))
    up.send_signal(signal.SIGTERM)
    assert ended(up).returncode == 0
    assert "Booting" not in told
    ready = re.search(rf"Ready: (.*) are online\.\n  state       {own.state}\n", told)
    assert ready
    assert sorted(ready[1].split(", ")) == sorted(ids)
    assert f"instances --state {own.state}\n" in told


def test_secrets_are_sealed_under_another_key(own: Plane) -> None:
    own.start()
    (instance_id,) = own.instances()
    given = {"Name": "word", "Value": "hush"}
    own.client.call("CreateSecretParameter", given, version=OOS)
    before = (own.state / "secret.key").read_bytes()
    refused = ended(own.place.start("rotate-key", "--state", str(own.state)))
    assert (refused.returncode, (own.state / "secret.key").read_bytes()) == (3, before)
    assert "holds it" in refused.stderr
    own.stop()
    done = ended(own.place.start("rotate-key", "--state", str(own.state)))
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"\d+ secrets are sealed under another key\.\n", done.stdout)
    assert (own.state / "secret.key").read_bytes() != before
    own.start()
    assert own.run(instance_id, "echo still known").output == b"still known\n"
    asked = {"Name": "word", "WithDecryption": True}
    told = own.client.call("GetSecretParameter", asked, version=OOS)
    assert told["Parameter"]["Value"] == "hush"
    own.release([instance_id])
    own.stop()
