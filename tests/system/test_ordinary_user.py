"""The whole story for somebody who is not root."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import cloudhand
from tests.system.place import Place, Plane, place
from tests.system.waiting import until

pytestmark = pytest.mark.drawn

_NOBODY = 12345
_LIBRARIES = os.pathsep.join(
    (str(Path(cloudhand.__file__).parents[1]), sysconfig.get_path("purelib"))
)


@pytest.fixture
def somebody() -> Iterator[Place]:
    """A place of somebody who is not root; we ourselves may be that."""
    with tempfile.TemporaryDirectory(prefix="cloudhand-somebody-") as folder:
        os.chmod(folder, 0o755)
        with place(Path(folder) / "place", **_somebody()) as one:
            yield one


def _somebody() -> dict[str, Any]:
    if os.getuid():
        return {}
    # The interpreter of the tests may lie where only root may go.
    for python in (sys.executable, shutil.which("python3", path="/usr/bin:/usr/local/bin")):
        if python and _runs(python):
            return {"user": _NOBODY, "python": python, "extra": {"PYTHONPATH": _LIBRARIES}}
    pytest.skip(f"user {_NOBODY} may run no Python {sys.version_info.minor} with our libraries")


def _runs(python: str) -> bool:
    try:
        done = subprocess.run(
            [python, "-c", "import sys, cryptography, cloudhand.cli.up; print(sys.version)"],
            env={"PYTHONPATH": _LIBRARIES, "PYTHONDONTWRITEBYTECODE": "1"},
            user=_NOBODY,
            group=_NOBODY,
            extra_groups=[],
            capture_output=True,
            cwd="/",
            check=False,
        )
    except OSError:
        return False
    return done.returncode == 0


@pytest.mark.parametrize("mode", [(), ("--plain-processes",)])
def test_a_fleet_is_restarted_and_nothing_is_left(somebody: Place, mode: tuple[str, ...]) -> None:
    run = shlex.join(somebody.cloudhand)
    kept = somebody.root / "home" / "kept"
    closed = f"mkdir -p d/in; ln -s {kept} d/in/link; chmod 0 d/in; chmod 555 d"
    story = f"id -u; umask 77; touch {kept}; {run} run --all --yes {{}} -- {{}}"
    # Plain processes see the machine's own directories, which are not to be littered.
    where, first = ("--workdir /var/tmp", f"{closed}; ") if not mode else ("", "")
    story = story.format(where, shlex.quote(f"{first}echo helloworld; exit 194"))

    told = somebody.run("up", "--fleet", "2", *mode, "--", "sh", "-c", story)

    assert told.returncode == 0, told.stderr
    assert told.stdout.splitlines()[0] != "0"
    assert told.stdout.count("helloworld\n") == 1
    assert kept.stat().st_mode & 0o777 == 0o600
    assert len(re.findall(r"restarted: boot (\w+)→(?!\1)\w+", told.stdout)) >= 2


@pytest.mark.skipif(os.getuid() != 0, reason="only root makes files for others")
def test_a_state_of_somebody_else_is_said_to_be_that(somebody: Place) -> None:
    state = somebody.root / "state"
    state.mkdir(mode=0o755)
    for name in ("lock", "endpoint.json"):
        (state / name).touch(mode=0o600)

    for words in (("up", "--fleet", "0"), ("instances",)):
        told = somebody.run(*words, "--state", str(state))

        assert told.returncode == 3
        assert f"cannot {'use' if words[0] == 'up' else 'read'} {state}" in told.stderr
        assert "it belongs to another user; " in told.stderr


_ANYBODYS = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")


@pytest.mark.skipif(int(_ANYBODYS.read_text()) <= 80, reason="anybody may take port 80 here")
def test_a_port_that_only_root_may_take_is_said_to_be_that(somebody: Place) -> None:
    told = somebody.run("up", "--listen", "127.0.0.1:80")

    assert told.returncode == 3
    assert told.stderr.endswith("permission denied; name a port from 1024 on with --listen\n")


def test_links_of_the_machine_lead_where_a_file_is_sent(somebody: Place) -> None:
    """Their owner has no id in an instance of somebody who is not root."""
    plane = Plane(somebody)
    plane.state.mkdir(mode=0o700)
    if somebody.user is not None:
        os.chown(plane.state, somebody.user, somebody.user)
    try:
        plane.start()
        (instance_id,) = plane.instances()
        if plane.run(instance_id, "id -u; test -L /var/run").exit_code:
            pytest.skip("/var/run is no link here")
        if plane.run(instance_id, "id -u").output != b"0\n":
            pytest.skip("instances here are plain processes")
        order = {"Name": "n", "TargetDir": "/var/run/sent", "Content": "x"}
        sent = plane.call("SendFile", InstanceId=[instance_id], **order)["InvokeId"]

        def ended() -> bool:
            (one,) = plane.call("DescribeSendFileResults", InvokeId=sent)["Invocations"][
                "Invocation"
            ]
            told.append(one)
            return one["InvocationStatus"] not in ("Pending", "Running")

        told: list[Any] = []
        until(ended, what="the end of the file")
        assert told[-1]["InvocationStatus"] == "Success", told[-1]
        assert plane.run(instance_id, "cat /run/sent/n").output == b"x"
    finally:
        plane.end()
